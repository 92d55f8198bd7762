{{ config(schema="restricted", access="private", meta={"published": false}) }}

select person_key, connection_id, user_id, display_name, email
from {{ ref("int_person") }}
