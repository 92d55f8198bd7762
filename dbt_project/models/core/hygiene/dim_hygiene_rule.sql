{% for rule in hygiene_rules() -%}
    select
        {{ text_literal(rule.rule_id) }} as rule_id,
        {{ text_literal(rule.name) }} as name,
        {{ text_literal(rule.severity) }} as severity,
        {{ text_literal(rule.subject_type) }} as subject_type,
        {{ text_literal(rule.description) }} as description,
        {{ text_literal(rule.remedy) }} as remedy,
        {{ loop.index }} as position
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
