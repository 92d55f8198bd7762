with
    mapping as (select * from {{ ref("portfolio_mapping") }}),

    portfolios as (
        select distinct portfolio as portfolio_key, portfolio as name, null as parent_portfolio_key, 1 as level
        from mapping
        where portfolio is not null
    ),

    programs as (
        select distinct
            {{ program_key("portfolio", "program") }} as portfolio_key,
            program as name,
            portfolio as parent_portfolio_key,
            case when portfolio is null then 1 else 2 end as level,
        from mapping
        where program is not null
    )

select portfolio_key, name, parent_portfolio_key, level
from portfolios
union all
select portfolio_key, name, parent_portfolio_key, level
from programs
