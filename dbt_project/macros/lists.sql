{# Lists, which every engine has and names differently. #}
{# A row for each member of a list, in the select list. #}
{% macro each_of(members) -%} {{- return(adapter.dispatch("each_of", "agile_pmo")(members)) -}} {%- endmacro %}

{% macro duckdb__each_of(members) -%} unnest({{ members }}) {%- endmacro %}

{# How many members a list has. #}
{% macro list_size(members) -%} {{- return(adapter.dispatch("list_size", "agile_pmo")(members)) -}} {%- endmacro %}

{% macro duckdb__list_size(members) -%} len({{ members }}) {%- endmacro %}

{# Whether a list has a member. #}
{% macro list_has(members, member) -%}
    {{- return(adapter.dispatch("list_has", "agile_pmo")(members, member)) -}}
{%- endmacro %}

{% macro duckdb__list_has(members, member) -%} list_contains({{ members }}, {{ member }}) {%- endmacro %}

{# At which place a list has a member; the first is 1. #}
{% macro list_place(members, member) -%}
    {{- return(adapter.dispatch("list_place", "agile_pmo")(members, member)) -}}
{%- endmacro %}

{% macro duckdb__list_place(members, member) -%} list_position({{ members }}, {{ member }}) {%- endmacro %}

{# The members that two lists have in common. #}
{% macro list_common(one, other) -%}
    {{- return(adapter.dispatch("list_common", "agile_pmo")(one, other)) -}}
{%- endmacro %}

{% macro duckdb__list_common(one, other) -%} list_intersect({{ one }}, {{ other }}) {%- endmacro %}

{# The least (greatest) member of a list; NULL of none. #}
{% macro list_least(members) -%} {{- return(adapter.dispatch("list_least", "agile_pmo")(members)) -}} {%- endmacro %}

{% macro duckdb__list_least(members) -%} list_min({{ members }}) {%- endmacro %}

{% macro list_greatest(members) -%}
    {{- return(adapter.dispatch("list_greatest", "agile_pmo")(members)) -}}
{%- endmacro %}

{% macro duckdb__list_greatest(members) -%} list_max({{ members }}) {%- endmacro %}

{# The values of an aggregate as a list, in any order unless one is given. #}
{% macro list_of(value, order=none) -%}
    {{- return(adapter.dispatch("list_of", "agile_pmo")(value, order)) -}}
{%- endmacro %}

{% macro duckdb__list_of(value, order=none) -%}
    list({{ value }} {%- if order %} order by {{ order }} {%- endif %})
{%- endmacro %}

{# A list in the order of its members. #}
{% macro list_sorted(members) -%} {{- return(adapter.dispatch("list_sorted", "agile_pmo")(members)) -}} {%- endmacro %}

{% macro duckdb__list_sorted(members) -%} list_sort({{ members }}) {%- endmacro %}

{# The different members of a list. #}
{% macro list_unique(members) -%} {{- return(adapter.dispatch("list_unique", "agile_pmo")(members)) -}} {%- endmacro %}

{% macro duckdb__list_unique(members) -%} list_distinct({{ members }}) {%- endmacro %}

{# The first so many members of a list. #}
{% macro list_head(members, count) -%}
    {{- return(adapter.dispatch("list_head", "agile_pmo")(members, count)) -}}
{%- endmacro %}

{% macro duckdb__list_head(members, count) -%} list_slice({{ members }}, 1, {{ count }}) {%- endmacro %}

{# A list of texts as one text, and the other way round. #}
{% macro list_text(members, separator) -%}
    {{- return(adapter.dispatch("list_text", "agile_pmo")(members, separator)) -}}
{%- endmacro %}

{% macro duckdb__list_text(members, separator) -%} array_to_string({{ members }}, {{ separator }}) {%- endmacro %}

{% macro text_list(text, separator) -%}
    {{- return(adapter.dispatch("text_list", "agile_pmo")(text, separator)) -}}
{%- endmacro %}

{% macro duckdb__text_list(text, separator) -%} string_split({{ text }}, {{ separator }}) {%- endmacro %}

{# Names of a list that a person wrote, with commas, semicolons or bars between them, in lower case. #}
{% macro written_list(text) -%} {{- return(adapter.dispatch("written_list", "agile_pmo")(text)) -}} {%- endmacro %}

{% macro duckdb__written_list(text) -%}
    list_transform(regexp_split_to_array({{ text }}, '[,;|]'), lambda name:lower(trim(name)))
{%- endmacro %}
