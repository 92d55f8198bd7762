-- One row per node of the portfolio hierarchy: the portfolio at its top, and its program if it is one.
with portfolios as (select * from {{ ref("dim_portfolio") }})

select
    portfolio_key,
    coalesce(parent_portfolio_key, portfolio_key) as top_key,
    case when parent_portfolio_key is not null then portfolio_key end as program_key,
from portfolios
