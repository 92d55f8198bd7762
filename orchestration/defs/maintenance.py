"""The weekly maintenance of the raw tables. No `annotations` import: Dagster reads the type of `context` itself."""

import dagster as dg

from extractors.landing import Landing
from extractors.maintenance import maintain
from orchestration.locking import one_run
from orchestration.paths import Home


@dg.op(name="maintain_raw", description="Puts small files together, removes rows that count for nobody.")
def maintain_raw(context: dg.OpExecutionContext) -> None:
    root = Home.of().root
    if not (root / "raw").exists():
        return
    with one_run(root):
        report = maintain(Landing(root), told=lambda *done: context.log.info("%s (%s of %s)", *done))
    names = ("files_before", "files_after", "rows_removed", "files_vacuumed", "bytes_freed")
    context.add_output_metadata({name: report.total(name) for name in names})


@dg.job(
    name="maintenance", executor_def=dg.in_process_executor,
    description="Keeps the raw tables small and fast; changes nothing that anybody reads.",
    tags={"pmo/writes": "warehouse", "dagster/max_runtime": 4 * 3600},
)  # fmt: skip
def maintenance() -> None:
    maintain_raw()


weekly_maintenance = dg.ScheduleDefinition(
    name="weekly_maintenance", job=maintenance, cron_schedule="35 3 * * 0", execution_timezone="UTC",
    description="What many small runs left is put together; old files are removed.",
)  # fmt: skip
