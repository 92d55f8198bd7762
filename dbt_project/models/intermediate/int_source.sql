-- One row per configured connection: what it is, without what every run changes. Models that read this one, and not
-- int_connection, stay as they are while nothing but time goes by.
select connection_id, kind, tool, deployment, name, url, time_zone, position, from {{ ref("int_connection") }}
