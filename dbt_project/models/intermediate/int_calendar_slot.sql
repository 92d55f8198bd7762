-- Working time of each calendar by weekday, as minutes after midnight.
with
    calendars as (select * from {{ ref("calendars") }}),

    slots as (
        select
            coalesce(calendar_id, 'default') as calendar_id,
            time_zone,
            coalesce(
                try_cast(weekday as integer),
                {{ list_place("['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']", "lower(left(trim(weekday), 3))") }}
            ) as weekday_number,
            cast(split_part("from", ':', 1) as integer) * 60
            + cast(split_part("from", ':', 2) as integer) as from_minute,
            cast(split_part("to", ':', 1) as integer) * 60 + cast(split_part("to", ':', 2) as integer) as to_minute,
        from calendars
    )

select calendar_id, time_zone, weekday_number, from_minute, to_minute
from slots
where to_minute > from_minute
