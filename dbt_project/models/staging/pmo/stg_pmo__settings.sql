select
    run_id,
    pseudonym_salt,
    reporting_time_zone,
    daily_history_days,
    fiscal_year_start_month,
    min_responses,
    cast(as_of_at as timestamp) as as_of_at,
from {{ input("settings") }}
