-- One row per connection, stream and project: what its last reading said of the source and of what is held.
with
    coverage as (select * from {{ ref("stg_pmo__coverage") }}),
    connections as (select * from {{ ref("int_connection") }})

select
    coverage.connection_id,
    coverage.stream,
    coverage.project,
    coverage.expected,
    coverage.got,
    coverage.expected - coverage.got as missing,
    coverage.deleted,
    coverage.skipped,
    coverage.reason,
    coverage.got / nullif(coverage.expected, 0) as coverage_ratio,
    coverage.extracted_at as read_at,
    connections.last_good_at,
from coverage
inner join connections on coverage.connection_id = connections.connection_id
qualify
    row_number() over (
        partition by coverage.connection_id, coverage.stream, coverage.project
        order by coverage.extracted_at desc, coverage.record_id desc
    )
    = 1
