-- One row per calendar, time zone and day of UTC: the working time before it and the stretches on it, so that the
-- working hours between two instants are the difference of two look-ups.
with
    slots as (select * from {{ ref("int_calendar_slot") }}),
    days as (select * from {{ ref("dim_date") }}),
    calendar_days as (select * from {{ ref("dim_calendar_day") }} where is_working_day),
    teams as (select distinct calendar_id, time_zone from {{ ref("dim_team") }}),

    stretches as (
        select
            teams.calendar_id,
            teams.time_zone,
            {{
                utc_time(
                    "calendar_days.day_date + " ~ minutes("slots.from_minute"),
                    "coalesce(slots.time_zone, teams.time_zone)",
                )
            }} as from_at,
            {{
                utc_time(
                    "calendar_days.day_date + " ~ minutes("slots.to_minute"),
                    "coalesce(slots.time_zone, teams.time_zone)",
                )
            }} as to_at,
        from teams
        inner join calendar_days on teams.calendar_id = calendar_days.calendar_id
        inner join
            slots
            on teams.calendar_id = slots.calendar_id
            and {{ weekday("calendar_days.day_date") }} = slots.weekday_number
    ),

    dated as (
        select
            calendar_id,
            time_zone,
            from_at,
            to_at,
            {{ each_of(day_series("from_at", "to_at - interval 1 microsecond")) }} as day_at,
        from stretches
    ),

    pieces as (
        select
            calendar_id,
            time_zone,
            cast(day_at as date) as day_date,
            {{ microseconds("greatest(from_at, day_at)") }} as from_us,
            {{ microseconds("least(to_at, day_at + interval 1 day)") }} as to_us,
        from dated
    ),

    working_days as (
        select
            calendar_id,
            time_zone,
            day_date,
            {{ list_of(parcel({"from_us": "from_us", "to_us": "to_us"}), order="from_us") }} as stretches,
            sum(to_us - from_us) as working_us,
        from pieces
        group by calendar_id, time_zone, day_date
    )

select
    teams.calendar_id,
    teams.time_zone,
    days.day_date,
    coalesce(
        sum(working_days.working_us) over (
            partition by teams.calendar_id, teams.time_zone
            order by days.day_date
            rows between unbounded preceding and 1 preceding
        )
        / 3600000000.0,
        0
    ) as hours_before,
    coalesce(working_days.stretches, []) as stretches,
from teams
cross join days
left join
    working_days
    on teams.calendar_id = working_days.calendar_id
    and teams.time_zone = working_days.time_zone
    and days.day_date = working_days.day_date
