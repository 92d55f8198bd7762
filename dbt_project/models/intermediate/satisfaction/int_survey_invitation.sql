-- One row per connection, survey and metric whose number of invited people is known.
{{ config(materialized="view") }}

select connection_id, survey, metric, invited, survey_date,
from {{ ref("stg_surveys__invitations") }}
where not is_deleted and invited is not null
