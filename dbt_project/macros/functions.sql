{# Functions that engines name differently; models take them from here, so that a model holds no engine's own name. #}
{# The value in the row whose `order` is least (greatest). Rows where either is NULL are passed over. #}
{% macro first_by(value, order) -%}
    {{- return(adapter.dispatch("first_by", "agile_pmo")(value, order)) -}}
{%- endmacro %}

{% macro duckdb__first_by(value, order) -%} arg_min({{ value }}, {{ order }}) {%- endmacro %}

{% macro last_by(value, order) -%}
    {{- return(adapter.dispatch("last_by", "agile_pmo")(value, order)) -}}
{%- endmacro %}

{% macro duckdb__last_by(value, order) -%} arg_max({{ value }}, {{ order }}) {%- endmacro %}

{# The same, where a NULL is a value like any other. #}
{% macro first_or_null_by(value, order) -%}
    {{- return(adapter.dispatch("first_or_null_by", "agile_pmo")(value, order)) -}}
{%- endmacro %}

{% macro duckdb__first_or_null_by(value, order) -%} arg_min_null({{ value }}, {{ order }}) {%- endmacro %}

{% macro last_or_null_by(value, order) -%}
    {{- return(adapter.dispatch("last_or_null_by", "agile_pmo")(value, order)) -}}
{%- endmacro %}

{% macro duckdb__last_or_null_by(value, order) -%} arg_max_null({{ value }}, {{ order }}) {%- endmacro %}

{# A percentile of an aggregate, linearly interpolated. #}
{% macro percentile(expression, fraction) -%}
    {{- return(adapter.dispatch("percentile", "agile_pmo")(expression, fraction)) -}}
{%- endmacro %}

{% macro duckdb__percentile(expression, fraction) -%} quantile_cont({{ expression }}, {{ fraction }}) {%- endmacro %}

{# An instant as a number of microseconds. #}
{% macro microseconds(instant) -%}
    {{- return(adapter.dispatch("microseconds", "agile_pmo")(instant)) -}}
{%- endmacro %}

{% macro duckdb__microseconds(instant) -%} epoch_us({{ instant }}) {%- endmacro %}

{# A number of minutes as a span of time. #}
{% macro minutes(number) -%} {{- return(adapter.dispatch("minutes", "agile_pmo")(number)) -}} {%- endmacro %}

{% macro duckdb__minutes(number) -%} to_minutes({{ number }}) {%- endmacro %}

{# A number of months as a span of time. #}
{% macro months(number) -%} {{- return(adapter.dispatch("months", "agile_pmo")(number)) -}} {%- endmacro %}

{% macro duckdb__months(number) -%} to_months({{ number }}) {%- endmacro %}

{# Number of a day's weekday, Monday is 1. #}
{% macro weekday(day) -%} {{- return(adapter.dispatch("weekday", "agile_pmo")(day)) -}} {%- endmacro %}

{% macro duckdb__weekday(day) -%} isodow({{ day }}) {%- endmacro %}

{# The year that a day's ISO week belongs to. #}
{% macro iso_year(day) -%} {{- return(adapter.dispatch("iso_year", "agile_pmo")(day)) -}} {%- endmacro %}

{% macro duckdb__iso_year(day) -%} isoyear({{ day }}) {%- endmacro %}

{# Name of a day's month, in English. #}
{% macro month_name(day) -%} {{- return(adapter.dispatch("month_name", "agile_pmo")(day)) -}} {%- endmacro %}

{% macro duckdb__month_name(day) -%} monthname({{ day }}) {%- endmacro %}

{# Name of a day's weekday, in English. #}
{% macro weekday_name(day) -%} {{- return(adapter.dispatch("weekday_name", "agile_pmo")(day)) -}} {%- endmacro %}

{% macro duckdb__weekday_name(day) -%} dayname({{ day }}) {%- endmacro %}

{# Text as part of an address. #}
{% macro url_text(text) -%} {{- return(adapter.dispatch("url_text", "agile_pmo")(text)) -}} {%- endmacro %}

{% macro duckdb__url_text(text) -%} url_encode({{ text }}) {%- endmacro %}

{# Several values as one. values: name → expression. #}
{% macro parcel(values) -%} {{- return(adapter.dispatch("parcel", "agile_pmo")(values)) -}} {%- endmacro %}

{% macro duckdb__parcel(values) -%}
    struct_pack(
        {%- for name, value in values.items() -%}
            {{ name }} := {{ value }}{% if not loop.last %}, {% endif %}
        {%- endfor -%}
    )
{%- endmacro %}
