-- One row: which run this is. Apart from int_setting, because it is another one every time.
select run_id, as_of_at, from {{ ref("stg_pmo__settings") }}
