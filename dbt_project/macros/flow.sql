{# Order of the stages for backward moves: backlog < todo < in_progress = waiting < done; cancelled has no place. #}
{% macro stage_rank(stage) -%}
    case
        {{ stage }}
        when 'backlog'
        then 0
        when 'todo'
        then 1
        when 'in_progress'
        then 2
        when 'waiting'
        then 2
        when 'done'
        then 3
    end
{%- endmacro %}

{# Whether a row of dim_policy is the one that holds at an instant or day; the first holds for all before it too. #}
{% macro policy_holds(policies, instant) -%}
    ({{ policies }}.policy_version = 1 or {{ policies }}.valid_from <= {{ instant }})
    and ({{ policies }}.valid_to is null or {{ instant }} < {{ policies }}.valid_to)
{%- endmacro %}

{# Working days touched between two rows of dim_calendar_day, both ends counted. #}
{% macro working_days(first_day, last_day) -%}
    {{ last_day }}.working_days_to_date
    - {{ first_day }}.working_days_to_date
    + case when {{ first_day }}.is_working_day then 1 else 0 end
{%- endmacro %}

{# The numbers of a list below a limit; all of them without a limit. #}
{% macro list_below(numbers, limit) -%}
    {{- return(adapter.dispatch("list_below", "agile_pmo")(numbers, limit)) -}}
{%- endmacro %}

{% macro duckdb__list_below(numbers, limit) -%}
    list_filter({{ numbers }}, lambda number:{{ limit }} is null or number < {{ limit }})
{%- endmacro %}

{# The numbers of a list above a limit; all of them without a limit. #}
{% macro list_above(numbers, limit) -%}
    {{- return(adapter.dispatch("list_above", "agile_pmo")(numbers, limit)) -}}
{%- endmacro %}

{% macro duckdb__list_above(numbers, limit) -%}
    list_filter({{ numbers }}, lambda number:{{ limit }} is null or number > {{ limit }})
{%- endmacro %}

{# Percentiles of an aggregate, linearly interpolated, as a list in the order of the fractions. #}
{% macro percentiles(expression, fractions, condition) -%}
    {{- return(adapter.dispatch("percentiles", "agile_pmo")(expression, fractions, condition)) -}}
{%- endmacro %}

{% macro duckdb__percentiles(expression, fractions, condition) -%}
    quantile_cont({{ expression }}, [{{ fractions | join(", ") }}]) filter (where {{ condition }})
{%- endmacro %}

{# Now, for a work item: its connection's watermark. A change during the run is younger than that; durations never turn
   negative for it. #}
{% macro now_of(connections, updated_at) -%} greatest({{ connections }}.watermark_at, {{ updated_at }}) {%- endmacro %}
