{# Small differences between engines. Every model that needs one of these functions takes it from here. #}
{# An instant (naive UTC) as wall clock of a time zone. #}
{% macro local_time(instant, time_zone) -%}
    {{- return(adapter.dispatch("local_time", "agile_pmo")(instant, time_zone)) -}}
{%- endmacro %}

{% macro duckdb__local_time(instant, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ instant }}))
{%- endmacro %}

{# Wall clock of a time zone as an instant (naive UTC). #}
{% macro utc_time(wall_clock, time_zone) -%}
    {{- return(adapter.dispatch("utc_time", "agile_pmo")(wall_clock, time_zone)) -}}
{%- endmacro %}

{% macro duckdb__utc_time(wall_clock, time_zone) -%}
    timezone('UTC', timezone({{ time_zone }}, {{ wall_clock }}))
{%- endmacro %}

{# The day of an instant in a time zone. #}
{% macro local_date(instant, time_zone) -%} cast({{ local_time(instant, time_zone) }} as date) {%- endmacro %}

{# Elapsed hours between two instants, to the microsecond. #}
{% macro hours_between(from_at, to_at) -%}
    {{- return(adapter.dispatch("hours_between", "agile_pmo")(from_at, to_at)) -}}
{%- endmacro %}

{% macro duckdb__hours_between(from_at, to_at) -%}
    ((epoch_us({{ to_at }}) - epoch_us({{ from_at }})) / 3600000000.0)
{%- endmacro %}

{# Instant with time zone as naive UTC. #}
{% macro utc(instant) -%} {{- return(adapter.dispatch("utc", "agile_pmo")(instant)) -}} {%- endmacro %}

{% macro duckdb__utc(instant) -%} timezone('UTC', {{ instant }}) {%- endmacro %}

{# One number that orders changes: by instant, then history number, then place in the history. #}
{% macro history_order(changed_at, history_id, item_number) -%}
    {{- return(adapter.dispatch("history_order", "agile_pmo")(changed_at, history_id, item_number)) -}}
{%- endmacro %}

{% macro duckdb__history_order(changed_at, history_id, item_number) -%}
    (
        cast(epoch_us({{ changed_at }}) as hugeint) * 1000000000000000000
        + {{ history_id }} * 1000
        + least({{ item_number }}, 999)
    )
{%- endmacro %}

{# The days from one instant to another, both included, as a list of timestamps; empty if either is NULL. #}
{% macro day_series(from_at, to_at) -%}
    {{- return(adapter.dispatch("day_series", "agile_pmo")(from_at, to_at)) -}}
{%- endmacro %}

{% macro duckdb__day_series(from_at, to_at) -%}
    generate_series(date_trunc('day', {{ from_at }}), date_trunc('day', {{ to_at }}), interval 1 day)
{%- endmacro %}

{# The starts of all periods from that of one day to that of another, as a list of timestamps. #}
{% macro period_series(period_type, from_date, to_date) -%}
    {{- return(adapter.dispatch("period_series", "agile_pmo")(period_type, from_date, to_date)) -}}
{%- endmacro %}

{% macro duckdb__period_series(period_type, from_date, to_date) -%}
    generate_series(
        cast({{ period_start(period_type, from_date) }} as timestamp),
        cast({{ period_start(period_type, to_date) }} as timestamp),
        interval {{ {"day": "1 day", "week": "7 day", "month": "1 month", "quarter": "3 month"}[period_type] }}
    )
{%- endmacro %}

{# First day of the period of a day. Weeks start on Monday. #}
{% macro period_start(period_type, day) -%} cast(date_trunc('{{ period_type }}', {{ day }}) as date) {%- endmacro %}

{# The starts of all periods whose end lies between two days, the second excluded; without one, up to last_date, whose
   running period counts as ended. #}
{% macro covered_periods(period_type, entered_date, left_date, last_date) -%}
    {{- return(adapter.dispatch("covered_periods", "agile_pmo")(period_type, entered_date, left_date, last_date)) -}}
{%- endmacro %}

{% macro duckdb__covered_periods(period_type, entered_date, left_date, last_date) -%}
    {%- set step = {"day": "1 day", "week": "7 day", "month": "1 month", "quarter": "3 month"}[period_type] -%}
    generate_series(
        cast({{ period_start(period_type, entered_date) }} as timestamp),
        coalesce(
            cast({{ period_start(period_type, left_date) }} as timestamp) - interval {{ step }},
            cast({{ period_start(period_type, last_date) }} as timestamp)
        ),
        interval {{ step }}
    )
{%- endmacro %}
