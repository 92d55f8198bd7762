{# Working hours of a calendar from its first day to an instant. `days` is int_working_time, joined on the instant's
   calendar, time zone and day of UTC. The difference of two such figures is the working time between two instants. #}
{% macro working_hours_until(days, instant) -%}
    {{- return(adapter.dispatch("working_hours_until", "agile_pmo")(days, instant)) -}}
{%- endmacro %}

{% macro duckdb__working_hours_until(days, instant) -%}
    (
        {{ days }}.hours_before + coalesce(
            list_sum(
                list_transform(
                    {{ days }}.stretches,
                    lambda stretch:greatest(least(epoch_us({{ instant }}), stretch.to_us) - stretch.from_us, 0)
                )
            ),
            0
        )
        / 3600000000.0
    )
{%- endmacro %}
