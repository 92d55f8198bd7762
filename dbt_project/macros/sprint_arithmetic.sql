{#- Small pieces of arithmetic that the sprint models share. Engine differences live here, behind dispatch. -#}
{#- The smallest instant after `instant`. "State before a cut" then includes the changes of the instant itself. -#}
{%- macro just_after(instant) -%} {{ return(adapter.dispatch("just_after", "agile_pmo")(instant)) }} {%- endmacro -%}
{%- macro default__just_after(instant) -%} ({{ instant }} + interval 1 microsecond) {%- endmacro -%}

{#- The largest instant before `instant`: the last one that a cut lets in. -#}
{%- macro just_before(instant) -%} {{ return(adapter.dispatch("just_before", "agile_pmo")(instant)) }} {%- endmacro -%}
{%- macro default__just_before(instant) -%} ({{ instant }} - interval 1 microsecond) {%- endmacro -%}

{#- `instant` plus a number of hours, which may be a fraction. -#}
{%- macro add_hours(instant, hours) -%}
    {{ return(adapter.dispatch("add_hours", "agile_pmo")(instant, hours)) }}
{%- endmacro -%}
{%- macro default__add_hours(instant, hours) -%}
    ({{ instant }} + to_microseconds(cast(round({{ hours }} * 3600000000) as bigint)))
{%- endmacro -%}

{#- The value of `expression` in the row with the greatest `sort_key` among those where `condition` holds; NULLs count. -#}
{%- macro latest_value(expression, sort_key, condition) -%}
    {{ return(adapter.dispatch("latest_value", "agile_pmo")(expression, sort_key, condition)) }}
{%- endmacro -%}
{%- macro default__latest_value(expression, sort_key, condition) -%}
    arg_max_null({{ expression }}, {{ sort_key }}) filter (where {{ condition }})
{%- endmacro -%}
{%- macro spark__latest_value(expression, sort_key, condition) -%}
    max_by({{ expression }}, {{ sort_key }}) filter (where {{ condition }})
{%- endmacro -%}

{#- Sum of estimates as the contract has it: 0 over no items, NULL over items that are all unestimated, else of the known. -#}
{%- macro sum_points(points, condition) -%}
    case when count(*) filter (where {{ condition }}) = 0 then 0 else {{ exact_sum(points, condition) }} end
{%- endmacro -%}

{#- A comma-separated list of ids as text that is the same for the same set of ids; NULL for none. -#}
{%- macro id_set(ids) -%} {{ return(adapter.dispatch("id_set", "agile_pmo")(ids)) }} {%- endmacro -%}
{%- macro default__id_set(ids) -%}
    nullif(array_to_string(list_sort(string_split(replace(coalesce({{ ids }}, ''), ' ', ''), ',')), ','), '')
{%- endmacro -%}

{#- A text as SQL literal. -#}
{%- macro text_literal(text) -%} {{- return("'" ~ (text | replace("'", "''")) ~ "'") -}} {%- endmacro -%}

{#- Whether two numbers differ by more than rounding; NULL equals NULL alone. -#}
{%- macro differs(one, other) -%}
    (
        ({{ one }} is null) <> ({{ other }} is null)
        or abs({{ one }} - {{ other }}) > 1e-9 * greatest(1, abs({{ one }}), abs({{ other }}))
    )
{%- endmacro -%}
