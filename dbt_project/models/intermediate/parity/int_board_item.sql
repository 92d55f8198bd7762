{{ config(materialized="view") }}

-- One row per board and item that its filter holds today.
select {{ key("connection_id", "issue_id") }} as item_key, connection_id, board_id
from {{ ref("stg_jira__board_items") }}
where not is_deleted
