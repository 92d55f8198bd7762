select person_key, connection_id, is_active from {{ ref("int_person") }}
