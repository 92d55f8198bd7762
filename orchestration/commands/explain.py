"""`pmo explain`: a scorecard value down to the raw records, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from orchestration.errors import PmoError
from orchestration.explained_scope import Row
from orchestration.explained_value import Question
from orchestration.explanation import Explanation
from orchestration.paths import Home
from orchestration.terminal import plain

__all__ = ["Question", "explain_value"]

SHOWN_WHOLE = 3  # items and answers that are followed down to their raw records
HAPPENED = {
    "start": "in the sprint at its start",
    "added": "added to the sprint",
    "removed": "removed from the sprint",
    "estimate_changed": "estimated anew",
    "completed": "completed in the sprint",
    "cancelled": "cancelled in the sprint",
    "reopened": "re-opened in the sprint",
}


def explain_value(question: Question) -> int:
    """Print the chain of one value; the exit status."""
    # Lines are not broken here, so that links, files and hashes can be copied; the terminal breaks them where it ends.
    console = Console(highlight=False, soft_wrap=True)
    with Explanation(Home.of()) as explanation:
        kpi = explanation.kpi(question.kpi)
        value = explanation.value(question)
        _headline(console, kpi, value)
        _restatements(console, explanation.restatements(value))
        evidence = explanation.evidence(value)
        if question.item is not None:
            evidence = _only(evidence, question.item)
        _evidence(console, evidence, question.items)
        _chains(console, explanation, value, evidence[: question.items])
    return 0


def _only(evidence: list[Row], item: str) -> list[Row]:
    found = [row for row in evidence if item.lower() in {str(row[name]).lower() for name in ("item_ref", "item_key")}]
    if not found:
        raise PmoError(f"{item} is not among the {len(evidence):,} rows of evidence of this value.")
    return found


def _line(console: Console, text: str, style: str | None = None) -> None:
    """One line of the terminal, whatever titles, names and addresses are in it."""
    console.print(plain(text), style=style, markup=False)


def _headline(console: Console, kpi: Row, value: Row) -> None:
    scope = value["scope_name"] or value["scope_type"]
    what = "everything" if value["scope_type"] == "all" else f"{value['scope_type'].replace('_', ' ')} {scope}"
    when = f"sprint {value['sprint_name']}" if value.get("sprint_name") else _period(value)
    _line(console, f"{kpi['name']} · {what} · {when}", style="bold")
    told = {
        "value": f"{_number(value['value'])} {value['unit'] or ''} ({str(value['status']).replace('_', ' ')})",
        "numerator": _number(value["numerator"]),
        "denominator": _number(value["denominator"]),
        "sample items": _number(value["sample_items"]),
        "period before": _number(value["previous_value"]),
        "target": _number(value["target_value"]),
        "trust ratio": _number(value["trust_ratio"]),
        "data as of": _instant(value["data_as_of_at"]),
        "policy": value["policy_id"],
        "definition": f"{kpi['description']} (version {value['definition_version']})",
        "formula": kpi["formula"],
        "run": value["run_id"],
    }
    for name, text in told.items():
        _line(console, f"  {name:<14} {text}")


def _restatements(console: Console, restatements: list[Row]) -> None:
    """What was published before, and which items and raw records made the difference."""
    for row in restatements:
        old, new = _number(row["old_value"]), _number(row["new_value"])
        since, now = _instant(row["old_published_at"]), _instant(row["restated_at"])
        _line(console, "Restated", style="bold")
        _line(
            console, f"  {old} was published from {since} on; {new} holds with the data of {now} (run {row['run_id']})."
        )
        _line(console, f"  Cause: {row['cause_text']}")
        for item in row["items"]:
            old, new = _number(item["old_contribution"]), _number(item["new_contribution"])
            what = " ".join(filter(None, [item["ref"], item["title"]]))
            _line(console, f"  {item['change']:<8} {old} → {new}  {what}")
            for text in filter(None, [item.get("changes"), item["source_url"]]):
                _line(console, f"    {text}")
            for name, keys in (("record", item["raw_record_keys"]), ("batch", item["batch_ids"])):
                for key in keys or []:
                    _line(console, f"    {name} {key}")


def _evidence(console: Console, evidence: list[Row], shown: int) -> None:
    _line(console, f"Evidence: {len(evidence):,} rows", style="bold")
    width = max((len(_number(row["contribution"])) for row in evidence[:shown]), default=1)
    role_width = max((len(_role(row)) for row in evidence[:shown]), default=1)
    for row in evidence[:shown]:
        about = " ".join(filter(None, [row["item_ref"], row["title"]])) or _answer(row)
        contribution = _number(row["contribution"])
        _line(console, f"  {_role(row):<{role_width}}  {row['event_date']}  {contribution:>{width}}  {about}")
        if row["source_url"]:
            _line(console, f"{'':<{role_width + width + 18}}{row['source_url']}")
    if len(evidence) > shown:
        _line(console, f"  … and {len(evidence) - shown:,} more; --items shows more of them.")


def _role(row: Row) -> str:
    return str(row["role"] or "counts").replace("_", " ")


def _answer(row: Row) -> str:
    return f"answer {row['response_key']}" if row["response_key"] else "—"


def _chains(console: Console, explanation: Explanation, value: Row, evidence: list[Row]) -> None:
    """The first items or answers: what happened to them, and the raw record that tells each step."""
    first = {row["item_key"] or row["response_key"]: row for row in reversed(evidence)}
    keys = list(dict.fromkeys(row["item_key"] or row["response_key"] for row in evidence))
    for key in [key for key in keys if key][:SHOWN_WHOLE]:
        row = first[key]
        if row["item_key"] is None:
            steps = [{**row, "happened_at": row["submitted_at"], "said": f"answered survey {row['survey']}"}]
            title = _answer(row)
        else:
            steps = [{**step, "said": _said(step)} for step in explanation.history(value, key)]
            title = f"{row['item_ref']}: what happened"
        _line(console, title, style="bold")
        _steps(console, explanation, steps)
    if len(keys) > SHOWN_WHOLE:
        rest = f"The raw records of {len(keys) - SHOWN_WHOLE:,} more"
        how = "; --item PROJ-12 shows those of one item." if evidence[0]["item_key"] else "."
        _line(console, f"{rest} are not shown here{how}")


def _steps(console: Console, explanation: Explanation, steps: list[Row]) -> None:
    told = [(step["connection_id"], step["raw_record_key"]) for step in steps if step["raw_record_key"]]
    records = explanation.raw_records(told)
    for step in steps:
        _line(console, f"  {step['happened_at']:%Y-%m-%d %H:%M:%S}  {step['said']}")
        _line(console, f"    {step['raw_record_key']}")
        if record := records.get((step["connection_id"], step["raw_record_key"])):
            landed = f"landed {_instant(record['extracted_at'])} by run {record['run_id']}"
            _line(console, f"    {landed}, hash {record['payload_hash']}")
            _line(console, f"    {record['landed_file']}")


def _said(step: Row) -> str:
    if step["stage"] is not None:
        return f"{step['what']} ({step['stage'].replace('_', ' ')}) for {_duration(step['hours'])}"
    what = HAPPENED.get(step["what"], step["what"])
    return f"{what}, {step['points']:+g} points" if step["points"] else str(what)


def _duration(hours: float) -> str:
    return f"{_number(round(hours, 1))} h" if hours < 48 else f"{_number(round(hours / 24, 1))} days"


def _period(value: Row) -> str:
    start = value["period_start_date"]
    if value["period_type"] == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    return f"{start:%Y-%m}" if value["period_type"] == "month" else f"{value['period_type']} from {start}"


def _instant(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if value is not None else "—"


def _number(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
