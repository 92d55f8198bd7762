select
    batch_id,
    run_id,
    connection_id,
    kind,
    sequence,
    is_final,
    {{ utc("run_started_at") }} as run_started_at,
    {{ utc("committed_at") }} as committed_at,
from {{ input("batches") }}
