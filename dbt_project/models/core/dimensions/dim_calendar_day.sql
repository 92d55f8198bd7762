with
    slots as (select * from {{ ref("int_calendar_slot") }}),
    teams as (select * from {{ ref("dim_team") }}),
    holidays as (select * from {{ ref("holidays") }}),
    days as (select * from {{ ref("dim_date") }}),

    calendars as (
        select calendar_id
        from slots
        union
        select calendar_id
        from teams
    ),

    weekdays as (
        select calendar_id, weekday_number, sum(to_minute - from_minute) / 60.0 as working_hours
        from slots
        group by calendar_id, weekday_number
    ),

    free_days as (
        select calendars.calendar_id, holidays."date" as day_date, min(holidays.name) as holiday
        from holidays
        inner join calendars on calendars.calendar_id = coalesce(holidays.calendar_id, calendars.calendar_id)
        group by calendars.calendar_id, holidays."date"
    ),

    calendar_days as (
        select
            calendars.calendar_id,
            days.day_date,
            free_days.holiday,
            case when free_days.day_date is null then coalesce(weekdays.working_hours, 0) else 0 end as working_hours,
        from calendars
        cross join days
        left join
            weekdays on calendars.calendar_id = weekdays.calendar_id and days.weekday_number = weekdays.weekday_number
        left join free_days on calendars.calendar_id = free_days.calendar_id and days.day_date = free_days.day_date
    )

select
    calendar_id,
    day_date,
    holiday,
    working_hours > 0 as is_working_day,
    working_hours,
    cast(
        count(*) filter (where working_hours > 0) over (
            partition by calendar_id order by day_date rows between unbounded preceding and current row
        ) as integer
    ) as working_days_to_date,
from calendar_days
