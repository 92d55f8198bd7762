"""The ledger and what dbt reads: written once all connections have their verdicts."""

from collections.abc import Iterator

import dagster as dg

from extractors.maintenance import tidy_up
from extractors.streams import LEDGER, LEDGER_SCHEMA, PMO, STREAMS
from orchestration.defs.raw import FRESH, OWNER, raw_key, raw_spec
from orchestration.defs.resources import PipelineResource
from orchestration.pipeline.inputs import write_inputs
from orchestration.pipeline.raw_tables import row_count
from orchestration.pipeline.reporting import reporter

SOURCES = [raw_key(name) for name in STREAMS if name not in PMO]
LEDGER_KEY = raw_key(LEDGER)


def ledger_spec() -> dg.AssetSpec:
    """A function, because every spec that a module holds is taken for an asset of its own."""
    return dg.AssetSpec(
        LEDGER_KEY,
        deps=SOURCES,
        group_name="raw_pmo",
        description="One row per batch: the commit that makes its rows visible, its cursor and its verdict.",
        kinds={"deltalake", "python"},
        owners=[OWNER],
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(field.name, type=str(field.type)) for field in LEDGER_SCHEMA]
            )
        },
        freshness_policy=FRESH,
    )


@dg.multi_asset(name="raw_ledger", specs=[*(raw_spec(stream, SOURCES) for stream in PMO.values()), ledger_spec()])
def raw_ledger(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.MaterializeResult[None]]:
    opened = pipeline.open(context)
    reporter().stage("Prepare the build")
    tidy_up(opened.landing)
    replaced = write_inputs(opened)
    for stream in PMO:
        rows = row_count(opened.landing.table(stream))
        yield dg.MaterializeResult(asset_key=raw_key(stream), metadata={"dagster/row_count": rows})
    verdicts = opened.landing.ledger.table()["verdict"].to_pylist()
    yield dg.MaterializeResult(
        asset_key=LEDGER_KEY,
        metadata={
            "dagster/row_count": len(verdicts),
            "accepted": verdicts.count("accepted"),
            "held": verdicts.count("held"),
            "seeds_replaced": ", ".join(replaced) or "none",
        },
    )
