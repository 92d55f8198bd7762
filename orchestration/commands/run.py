"""`pmo run` and `pmo rebuild`: the real Dagster job in this process, with progress and a summary."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from orchestration.commands.failing import log_to_file, tell
from orchestration.commands.interrupts import NAMES, certain_end, is_interrupt
from orchestration.commands.progress import terminal_reporter
from orchestration.commands.sandbox import served_sandbox, stop_own_sandbox
from orchestration.commands.summary import print_summary
from orchestration.config.default import is_sandbox, load
from orchestration.defs.dbt.invocation import dbt_ahead, leave_no_dbt
from orchestration.erased import keep_erased
from orchestration.instance import dagster_home
from orchestration.locking import one_run
from orchestration.paths import Home
from orchestration.pipeline.context import Pipeline, RunOptions
from orchestration.pipeline.judging import DATA_DOCS
from orchestration.pipeline.landing_step import start_ahead
from orchestration.pipeline.record import RunRecords
from orchestration.pipeline.reporting import report_to, reporter
from orchestration.seeds import merge_seeds
from orchestration.settings import Settings
from orchestration.warehouse import forget
from quality.worker import abandon_worker, stop_worker, worker

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, ExecuteInProcessResult


def run_pipeline(options: RunOptions, *, is_rebuild: bool = False) -> int:
    """Run everything; the exit status: 0 only if every connection is fresh and the marts are published."""
    begun = time.monotonic()
    run_id = str(uuid.uuid4())
    home = options.home
    settings, key = load(options.config, home, os.environ)
    _check_only(options, settings)
    log_to_file()
    console = Console(file=sys.stdout)  # this one, while dbt's own lines go to the log
    if key.notice:
        console.print(key.notice, highlight=False, markup=False)
    with one_run(home.root):
        if keep_erased(home.root):
            console.print("Raw data from before an erasure was cleaned again of the persons on the list.")
        merge_seeds(settings.seeds, home.dbt_seeds)  # a slip in a seed is told before anything starts
        if is_rebuild:
            _forget_build(home)
        with terminal_reporter(console) as progress, certain_end(_leave_nothing_behind), _quality_worker():
            report_to(progress)
            try:
                with dbt_ahead(home), _sources(options, home), _landing_ahead(options, run_id):
                    is_done, failures = _execute(options, home, run_id)
                docs_problem = worker().docs_problem(home.root / DATA_DOCS)
            finally:
                progress.close()
    record = RunRecords(home.root).read(run_id)
    for failure in failures:
        tell(failure)
    if docs_problem:
        console.print("[yellow]Note[/]", Text(docs_problem), highlight=False, soft_wrap=True)
    if record is not None:
        print_summary(console, record, settings, home, seconds=time.monotonic() - begun, is_done=is_done)
    return 0 if is_done else 1


def _leave_nothing_behind() -> None:
    stop_own_sandbox()
    abandon_worker()
    leave_no_dbt()


@contextlib.contextmanager
def _quality_worker() -> Iterator[None]:
    """It imports Great Expectations meanwhile. At an end by Ctrl+C nobody waits for it."""
    worker()
    try:
        yield
    except BaseException as error:
        if is_interrupt(error):
            abandon_worker()
        raise
    finally:
        stop_worker()


def _check_only(options: RunOptions, settings: Settings) -> None:
    from orchestration.errors import PmoError

    for asked in options.only:
        if settings.connection(asked) is None:
            known = ", ".join(connection.id for connection in settings.connections)
            raise PmoError(f"--only {asked}: {settings.file.name} has no connection of this name. It has: {known}.")


def _forget_build(home: Home) -> None:
    """A rebuild starts from raw alone."""
    forget(home)
    shutil.rmtree(home.dbt_target, ignore_errors=True)


@contextlib.contextmanager
def _sources(options: RunOptions, home: Home) -> Iterator[None]:
    """The sandbox, where the run extracts from it; it comes up while this process imports Dagster."""
    if not options.extract or not is_sandbox(options.config):
        yield
        return
    reporter().stage("Start the sandbox")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_import_dagster)
        with served_sandbox(home):
            yield


@contextlib.contextmanager
def _dbt_output(home: Home) -> Iterator[None]:
    """dagster-dbt prints what dbt says; here it goes to logs/dbt.log, as the terminal shows progress."""
    with (home.logs / "dbt.log").open("w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        yield


def _import_dagster() -> None:
    import dagster_dbt

    _ = dagster_dbt.__version__


@contextlib.contextmanager
def _landing_ahead(options: RunOptions, run_id: str) -> Iterator[None]:
    """Extract and judge in threads, while Dagster and the definitions are loaded in this one."""
    if not options.extract:
        yield
        return
    reporter().stage("Extract and judge; load the definitions")
    pool = start_ahead(Pipeline.open(options, run_id))
    try:
        yield
    except BaseException as error:
        # A first load may go on for hours. Its threads end with the process; what they had not committed never was.
        pool.shutdown(wait=not is_interrupt(error), cancel_futures=True)
        raise
    pool.shutdown(wait=True)


def _execute(options: RunOptions, home: Home, run_id: str) -> tuple[bool, list[str]]:
    """Run the job; whether it succeeded, and why not, one paragraph each."""
    os.environ["DAGSTER_HOME"] = str(dagster_home(home))
    from orchestration.definitions import defs
    from orchestration.defs.resources import PipelineResource

    job = defs().resolve_job_def("refresh")
    resource = PipelineResource.of(options)
    config: dict[str, Any] = {
        "resources": {"pipeline": {"config": resource.model_dump()}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    with _instance(home) as instance, _dbt_output(home):
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False, run_id=run_id)
    if any(_was_interrupted(event) for event in result.all_events):
        raise KeyboardInterrupt
    return result.success, _failures(result, home)


def _instance(home: Home) -> DagsterInstance:
    """Dagster's instance without its copy of standard output, which starts two processes beside every run.

    Ctrl+C reaches those too, and they answer with tracebacks. What dbt says is in logs/dbt.log.
    """
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    none = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home(home)), overrides={"compute_logs": none}))


def _was_interrupted(event: DagsterEvent) -> bool:
    """Dagster notes an interrupt as a failure of the step and the job."""
    if event.is_step_failure:
        error = event.step_failure_data.error
    elif event.event_type_value == "PIPELINE_FAILURE":
        error = event.job_failure_data.error
    else:
        return False
    return error is not None and bool({error.cls_name, error.cause.cls_name if error.cause else None} & NAMES)


def _failures(result: ExecuteInProcessResult, home: Home) -> list[str]:
    from orchestration.pipeline.dbt_results import failed_nodes

    texts: list[str] = []
    for event in result.all_events:
        if not event.is_step_failure or event.step_key is None:
            continue
        data = event.step_failure_data
        if event.step_key == "published__verdicts":
            continue  # the summary names what was held, and why
        if event.step_key == "mart_quality" and (found := _blocking(home, result.run_id)):
            texts.append(f"The marts were not published; the last good publication stays. {found}")
        elif event.step_key == "dbt_build" and (nodes := failed_nodes(home.dbt_target)):
            texts.append("The marts were not published; the last good publication stays. " + " ".join(nodes))
        elif data.user_failure_data is not None and data.user_failure_data.description:
            texts.append(data.user_failure_data.description)
        elif data.error is not None:
            cause = data.error.cause or data.error
            texts.append(f"The step {event.step_key} failed: {_first_lines(cause.message)}")
    return texts


def _blocking(home: Home, run_id: str) -> str:
    """The blocking checks of the marts that failed."""
    record = RunRecords(home.root).read(run_id)
    failed = [check for check in record.checks if check.is_blocking and not check.passed] if record else []
    return " ".join(
        f"{check.asset}: {check.detail}." for check in failed if check.asset.startswith(("core/", "marts/"))
    )


def _first_lines(message: str) -> str:
    return " ".join(message.split())[:800]
