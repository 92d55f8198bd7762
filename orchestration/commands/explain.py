"""`pmo explain`: a scorecard value down to the raw records, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.explained_scope import Row
from orchestration.explanation import Explanation, Question
from orchestration.paths import Home

__all__ = ["Question", "explain_value"]

ITEMS_WITH_EVENTS = 3


def explain_value(question: Question) -> int:
    """Print the chain of one value; the exit status."""
    console = Console()
    with Explanation(Home.of()) as explanation:
        kpi = explanation.kpi(question.kpi)
        value = explanation.value(question)
        _headline(console, kpi, value)
        _restatements(console, explanation.restatements(value))
        evidence = explanation.evidence(value)
        _evidence(console, evidence, question.items)
        items = list(dict.fromkeys(row["item_key"] for row in evidence if row["item_key"]))
        for item_key in items[: min(ITEMS_WITH_EVENTS, question.items)]:
            _item(console, explanation, evidence, item_key)
    return 0


def _headline(console: Console, kpi: Row, value: Row) -> None:
    scope = value["scope_name"] or value["scope_type"]
    when = f"sprint {value['sprint_name']}" if value.get("sprint_name") else _period(value)
    console.print(f"[bold]{escape(str(kpi['name']))}[/] · {value['scope_type']} {escape(str(scope))} · {escape(when)}")
    console.print(f"  value         [bold]{_number(value['value'])}[/] {value['unit'] or ''} ({value['status']})")
    for name in ("numerator", "denominator", "sample_items", "previous_value", "target_value", "trust_ratio"):
        console.print(f"  {name:<13} {_number(value[name])}", highlight=False)
    for name in ("policy_id", "definition_version", "data_as_of_at", "run_id"):
        console.print(f"  {name:<13} {value[name]}", highlight=False, markup=False)
    console.print(f"  definition    {escape(str(kpi['description']))}", highlight=False)
    console.print(f"  formula       {escape(str(kpi['formula']))}", highlight=False)


def _restatements(console: Console, restatements: list[Row]) -> None:
    """What was published before, and which items and raw records made the difference."""
    for row in restatements:
        old, new = _number(row["old_value"]), _number(row["new_value"])
        since, now = f"{row['old_published_at']:%Y-%m-%d %H:%M} UTC", f"{row['restated_at']:%Y-%m-%d %H:%M} UTC"
        told = f"{old} was published from {since} on, {new} holds as of {now} (run {row['run_id']})"
        console.print(f"[bold]Restated[/]: {escape(told)}", highlight=False)
        console.print(f"  cause         {escape(str(row['cause_text']))}", highlight=False)
        for item in row["items"]:
            old, new = _number(item["old_contribution"]), _number(item["new_contribution"])
            console.print(f"  {item['ref']} {item['change']}: {old} → {new}", highlight=False, markup=False)
            for name, keys in (("record", item["raw_record_keys"]), ("batch", item["batch_ids"])):
                for key in keys or []:
                    console.print(f"    {name} {key}", highlight=False, markup=False, soft_wrap=True)


def _period(value: Row) -> str:
    start = value["period_start_date"]
    if value["period_type"] == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    return f"{start:%Y-%m}" if value["period_type"] == "month" else f"{value['period_type']} from {start}"


def _number(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _evidence(console: Console, evidence: list[Row], shown: int) -> None:
    table = Table(title=f"Evidence: {len(evidence):,} rows", title_justify="left", expand=False)
    for name in ("role", "item", "title", "contribution", "date", "link"):
        table.add_column(name, justify="right" if name == "contribution" else "left", overflow="fold")
    for row in evidence[:shown]:
        table.add_row(
            escape(str(row["role"])),
            escape(str(row["item_ref"] or row["response_key"] or "—")),
            escape(str(row["title"] or "")),
            _number(row["contribution"]),
            str(row["event_date"]),
            escape(str(row["source_url"] or "")),
        )
    console.print(table)
    if len(evidence) > shown:
        console.print(f"  … and {len(evidence) - shown:,} more; --items shows more of them.", highlight=False)


def _item(console: Console, explanation: Explanation, evidence: list[Row], item_key: str) -> None:
    item = next(row for row in evidence if row["item_key"] == item_key)
    events = explanation.events(item_key)
    table = Table(title=escape(f"{item['item_ref']}: events"), title_justify="left", expand=False)
    for name in ("entered (UTC)", "status", "stage", "hours", "raw record"):
        table.add_column(name, justify="right" if name == "hours" else "left", overflow="fold")
    for event in events:
        table.add_row(
            f"{event['entered_at']:%Y-%m-%d %H:%M:%S}",
            escape(str(event["status"])),
            event["stage"],
            _number(float(event["hours"])),
            escape(str(event["raw_record_key"])),
        )
    console.print(table)
    keys = [event["raw_record_key"] for event in events if event["raw_record_key"]]
    for record in explanation.raw_records(events[0]["connection_id"], keys) if keys else []:
        console.print(
            f"  {record['raw_record_key']}\n    landed {record['extracted_at']:%Y-%m-%d %H:%M} UTC by run"
            f" {record['run_id']}, payload {record['payload_hash']}\n    in {record['landed_file']}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
