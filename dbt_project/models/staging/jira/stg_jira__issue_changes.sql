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
                        "field",
                        "field_id",
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
    record_id,
    issue_id,
    history_id,
    author_id,
    field_id,
    from_id,
    to_id,
    attribute,
    field,
    from_text,
    to_text,
    item_number,
    is_deleted,
    {{ utc("changed_at") }} as changed_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
-- Fields that mean nothing to the models are left in raw.
where not is_deleted and attribute is not null
