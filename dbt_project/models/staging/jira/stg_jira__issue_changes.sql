{{ config(materialized="table") }}

with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/issue_changes",
                    [
                        "issue_id",
                        "history_id",
                        "item_number",
                        "changed_at",
                        "author_id",
                        "attribute",
                        "from_id",
                        "from_text",
                        "to_id",
                        "to_text",
                    ],
                )
            }}
    )

select
    connection_id,
    issue_id,
    history_id,
    author_id,
    from_id,
    to_id,
    attribute,
    from_text,
    to_text,
    item_number,
    {{ utc("changed_at") }} as changed_at,
from latest
-- Fields that mean nothing to the models are left in raw.
where not is_deleted and attribute is not null
