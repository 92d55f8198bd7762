"""The command `pmo`. Slow packages are imported by the commands that need them, so that help is instant."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.interrupts import Commands

app = typer.Typer(
    name="pmo",
    cls=Commands,
    help="From Jira, Azure DevOps and surveys to KPI marts: extract, judge, model, publish.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
sandbox_app = typer.Typer(
    help="The stand-ins for Jira, Azure DevOps and survey tools around one simulated organisation.",
    no_args_is_help=True,
)
app.add_typer(sandbox_app, name="sandbox")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file; default: pmo.toml here, else the built-in sandbox."),
]


@app.command()
def run(
    config: ConfigOption = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID", help="Extract this connection only; may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not just what changed.")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Build what was known on that day, into published-as-of/DATE; extracts nothing.",
        ),
    ] = None,
) -> None:
    """Extract what changed, judge it, build the marts, judge them, publish."""
    from orchestration.commands.run import run_pipeline
    from orchestration.pipeline.context import RunOptions

    day = as_of.date() if as_of else None
    options = RunOptions(config=config, only=tuple(only or ()), is_full=full, as_of=day, extract=day is None)
    raise typer.Exit(run_pipeline(options))


@app.command()
def rebuild(config: ConfigOption = None) -> None:
    """Build the warehouse and the publication from the raw data alone; asks no source."""
    from orchestration.commands.run import run_pipeline
    from orchestration.pipeline.context import RunOptions

    raise typer.Exit(run_pipeline(RunOptions(config=config, extract=False), is_rebuild=True))


@app.command()
def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    retention_hours: Annotated[
        int, typer.Option(min=0, help="Keep files that no table needs any more so long, for who still reads them.")
    ] = 168,
) -> None:
    """Put small files of the raw tables together, remove rows that count for nobody, free the disk."""
    from orchestration.commands.maintain import maintain_raw

    raise typer.Exit(maintain_raw(is_dry=dry_run, retention_hours=retention_hours))


@app.command()
def erase(
    person: Annotated[
        str,
        typer.Argument(metavar="PERSON", help="Account id, user key, descriptor, e-mail, or respondent."),
    ],
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone; without it, show what would go.")] = False,
    even_if_unknown: Annotated[
        bool, typer.Option("--even-if-unknown", help="Also a word that no landed user or respondent has.")
    ] = False,
) -> None:
    """Erase a person from everything that is stored; the figures stay."""
    from orchestration.commands.erase import erase_person

    raise typer.Exit(erase_person(person, config, is_sure=yes, even_if_unknown=even_if_unknown))


@app.command()
def doctor(config: ConfigOption = None) -> None:
    """Check the settings and every connection: what works, which permission is missing, what a first load costs."""
    from orchestration.commands.doctor import examine

    raise typer.Exit(examine(config))


@app.command()
def explain(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="The KPI's id, e.g. velocity or lead_time_p85.")],
    team: Annotated[str | None, typer.Option(help="Name or key of a team.")] = None,
    project: Annotated[str | None, typer.Option(help="Name or key of a project.")] = None,
    portfolio: Annotated[str | None, typer.Option(help="Name or key of a portfolio or program.")] = None,
    connection: Annotated[str | None, typer.Option(help="Id or name of a connection.")] = None,
    item_type: Annotated[str | None, typer.Option(help="Name or key of an item type.")] = None,
    survey: Annotated[str | None, typer.Option(help="Name or key of a survey.")] = None,
    sprint: Annotated[str | None, typer.Option(help="Name or key of a sprint.")] = None,
    period: Annotated[str | None, typer.Option(help="2024-Q1 or 2024-03; default: the latest.")] = None,
    policy: Annotated[str, typer.Option(help="Metric policy.")] = "default",
    items: Annotated[int, typer.Option(min=0, help="How many items to show.")] = 20,
    item: Annotated[str | None, typer.Option(metavar="PROJ-12", help="Show this item of the evidence alone.")] = None,
) -> None:
    """Show a value, its numerator and denominator, its items, what happened to them, and the raw records."""
    from orchestration.commands.explain import Question, explain_value

    kinds = ("team", "project", "portfolio", "connection", "item_type", "survey")
    names = (team, project, portfolio, connection, item_type, survey)
    scopes = [(kind, name) for kind, name in zip(kinds, names, strict=True) if name is not None]
    if len(scopes) > 1:
        raise typer.BadParameter(f"A value has one scope, not {' and '.join(kind for kind, _ in scopes)}.")
    question = Question(kpi, scopes[0] if scopes else None, sprint, period, policy, items, item)
    raise typer.Exit(explain_value(question))


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the web page.")] = 3000) -> None:
    """Open the Dagster UI: assets, lineage, checks, runs, schedules."""
    from orchestration.commands.dev import serve_dagster

    raise typer.Exit(serve_dagster(port))


@app.command()
def docs() -> None:
    """Write dbt's documentation of every table and column."""
    from orchestration.commands.dev import write_dbt_docs

    raise typer.Exit(write_dbt_docs())


@sandbox_app.command("serve")
def sandbox_serve(
    seed: Annotated[
        int | None,
        typer.Option(help="Another seed makes another organisation; default: the one that is there, else 1."),
    ] = None,
    items: Annotated[
        int | None, typer.Option(min=1, help="Work items in all; default: the organisation that is there, else 2000.")
    ] = None,
    port_base: Annotated[
        int, typer.Option(min=1, max=65532, help="Jira Cloud; Data Center, Azure DevOps and surveys follow.")
    ] = 8771,
    latency_ms: Annotated[float, typer.Option(min=0, help="Wait before every answer.")] = 0,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON list of {match, kind, times, after}.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Serve the real records of this folder instead.")
    ] = None,
    flavour: Annotated[
        str | None, typer.Option(help="cloud or dc, with --replay; default: what the records' own version says.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="With --replay; default: the base port.")] = None,
    story: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tell this story in all three tools instead of simulating.")
    ] = None,
) -> None:
    """Serve the stand-ins until Ctrl+C. State lies in $PMO_HOME/sandbox."""
    from orchestration.commands.sandbox import ServeOptions, serve_forever

    asked = ServeOptions(seed, items, port_base, latency_ms, faults, replay, flavour, port, story)
    raise typer.Exit(serve_forever(asked))


@sandbox_app.command("advance")
def sandbox_advance(days: Annotated[int, typer.Option(min=1, help="How many days happen.")] = 7) -> None:
    """Let time pass in the simulated organisation."""
    from orchestration.commands.sandbox import advance_clock

    raise typer.Exit(advance_clock(days))


def main() -> None:
    """Run a command; every error is one readable paragraph on standard error, never a traceback."""
    from orchestration.commands.failing import leave_at_once, readable_errors

    try:
        with readable_errors():
            app(prog_name="pmo")
    except SystemExit as end:
        leave_at_once(end)


if __name__ == "__main__":
    main()
