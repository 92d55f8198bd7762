select
    connection_id,
    kind,
    tool,
    url,
    time_zone,
    held_reason,
    position,
    is_held,
    cast(last_checked_at as timestamp) as last_checked_at,
from {{ input("connections") }}
