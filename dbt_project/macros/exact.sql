{# Sums, means and deviations that are the same in whatever order an engine's threads add: doubles differ in their last
   digits from build to build, decimals do not. Twelve digits after the point (of an hour: four nanoseconds), 26 before
   it. What is no number counts as unknown, and so does what is 1e15 or more: a sum of 100 billion others still fits. #}
{% macro exact(expression) -%}
    case when abs({{ expression }}) < 1e15 then try_cast({{ expression }} as decimal(38, 12)) end
{%- endmacro %}

{# Sum of a double, as double; NULL over no known value. #}
{% macro exact_sum(expression, condition=none) -%}
    cast(sum({{ exact(expression) }}) {%- if condition %} filter (where {{ condition }}) {%- endif %} as double)
{%- endmacro %}

{# Mean of a double; NULL over no known value. #}
{% macro exact_mean(expression, condition) -%}
    {{ exact_sum(expression, condition) }} / nullif(count({{ exact(expression) }}) filter (where {{ condition }}), 0)
{%- endmacro %}

{# Standard deviation of a sample of few values; NULL over fewer than two. #}
{% macro exact_deviation(expression, condition) -%}
    {{- return(adapter.dispatch("exact_deviation", "agile_pmo")(expression, condition)) -}}
{%- endmacro %}

{% macro duckdb__exact_deviation(expression, condition) -%}
    list_aggregate(list_sort(list({{ expression }}) filter (where {{ condition }})), 'stddev_samp')
{%- endmacro %}
