-- int_scope without the instant of the watermark: what reads days alone stays the same until a day is over.
select scope_type, scope_key, scope_name, connection_id, time_zone, first_date, last_date, first_daily_date,
from {{ ref("int_scope") }}
