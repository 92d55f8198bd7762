"""What the assets need to run. The command line gives other values for one run; schedules give theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource
from pydantic import Field

from orchestration.dbt_files import dbt_executable
from orchestration.erased import keep_erased
from orchestration.errors import PmoError
from orchestration.locking import one_run
from orchestration.paths import DBT_PROJECT
from orchestration.pipeline.context import Pipeline, RunOptions
from orchestration.pipeline.prepared import drop_prepared
from orchestration.seeds import merge_seeds

Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext


class PipelineResource(dg.ConfigurableResource[None]):
    """The options of a run. Empty text means: not asked for. Secrets never stand here, only in the environment."""

    config_file: str = ""
    only: list[str] = Field(default_factory=list)
    full: bool = False
    census: bool = False
    as_of: str = ""
    extract: bool = True
    transient_retries: int = 2
    retry_seconds: float = 60  # before the first further attempt; twice as long before the next

    def options(self) -> RunOptions:
        return RunOptions(
            config=Path(self.config_file) if self.config_file else None,
            only=tuple(self.only),
            is_full=self.full,
            is_census=self.census,
            as_of=date.fromisoformat(self.as_of) if self.as_of else None,
            extract=self.extract,
            transient_retries=self.transient_retries,
        )

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Any]:  # noqa: ARG002 - Dagster's name
        """Hold the run lock as long as the job runs: two writers would spoil the warehouse."""
        root = self.options().home.root
        with one_run(root):
            keep_erased(root)
            try:
                yield self
            finally:
                drop_prepared()

    def open(self, context: Context) -> Pipeline:
        """The run's context. A re-execution from a failure goes on with the record of the run that failed.

        What is wrong with the settings or a seed fails the step in the words of the command line, before it begins.
        """
        try:
            opened = Pipeline.open(self.options(), context.run.root_run_id or context.run.run_id)
            merge_seeds(opened.settings.seeds, opened.home.dbt_seeds)
        except PmoError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        return opened

    @classmethod
    def of(cls, options: RunOptions) -> PipelineResource:
        return cls(
            config_file=str(options.config) if options.config else "",
            only=list(options.only),
            full=options.is_full,
            census=options.is_census,
            as_of=options.as_of.isoformat() if options.as_of else "",
            extract=options.extract,
            transient_retries=options.transient_retries,
        )


@dg.definitions
def resources() -> dg.Definitions:
    dbt = DbtCliResource(
        project_dir=str(DBT_PROJECT), profiles_dir=str(DBT_PROJECT), dbt_executable=str(dbt_executable())
    )
    # In one process also where a person materializes assets by hand: the lock is held from the first step to the last.
    return dg.Definitions(resources={"pipeline": PipelineResource(), "dbt": dbt}, executor=dg.in_process_executor)
