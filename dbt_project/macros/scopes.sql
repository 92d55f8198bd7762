{# The scopes that flow is reported for: type, column of the scope's key, column of the day in the scope's time zone.
   Scopes across teams take the connection's days, `all` the reporting zone's. #}
{% macro scopes() %}
    {{-
        return(
            [
                {"type": "item_type", "key": "item_type_key", "zone": "connection"},
                {"type": "team", "key": "team_key", "zone": "team"},
                {"type": "project", "key": "project_key", "zone": "connection"},
                {"type": "portfolio", "key": "portfolio_key", "zone": "connection"},
                {"type": "portfolio", "key": "program_key", "zone": "connection"},
                {"type": "connection", "key": "connection_id", "zone": "connection"},
                {"type": "all", "key": "'all'", "zone": "reporting"},
            ]
        )
    -}}
{% endmacro %}

{% macro period_types() %} {{- return(["day", "week", "month", "quarter"]) -}} {% endmacro %}
