-- A status that neither the seed stage_mapping nor the tool's category maps counts as todo. Lists each by name, so that
-- somebody maps it; it never disappears.
{{ config(severity="warn") }}

select connection_id, raw_project_id, item_type_id, status_id, status
from {{ ref("int_status_stage") }}
where not is_mapped
