"""Put the page together: data, charts, style and script in one HTML file that needs no network.

The page carries a Content Security Policy that names the hash of each of its own scripts and styles,
so markup that slipped in through data could not run; besides, Jinja escapes every value, and the
script writes data as text only.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bi.dashboard.data import Limits, read_data
from bi.dashboard.parts import as_json, charts, library
from bi.publication import PublicationRun, PublishError

HERE = Path(__file__).parent
PAGE = Path("dashboard") / "index.html"
MAX_BYTES = 5_000_000


def write_dashboard(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    run: PublicationRun,
    *,
    cache: Path | None = None,
    limit: int = MAX_BYTES,
) -> list[str]:
    """Write dashboard/index.html into `folder` from its marts (open as `connection`); returns what was cut."""
    limits = Limits()
    while True:
        data = read_data(connection, limits)
        page = _render(data, run, cache).encode("utf-8")
        if len(page) <= limit:
            break
        if limits == limits.tighter():
            raise PublishError(f"Nothing was published: the dashboard does not fit into {limit:,} bytes.")
        limits = limits.tighter()
    (folder / PAGE).parent.mkdir()
    (folder / PAGE).write_bytes(page)
    return [f"dashboard: {note}" for note in data["notes"]]


def _render(data: dict[str, Any], run: PublicationRun, cache: Path | None) -> str:
    data["run"] = {"run_id": run.run_id, "published_at": _instant(run.published_at_utc.replace(tzinfo=None))}
    style, script, vega = _text("style.css"), _script(), library(cache)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_text("template.html.j2"))
    return template.render(
        policy=f"default-src 'none'; script-src {_hash(vega)} {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        library=Markup(vega),  # noqa: S704 - Vega's own bundle
        data=Markup(as_json(data)),  # noqa: S704 - as_json escapes whatever could end the element
        charts=Markup(charts(cache)),  # noqa: S704 - our own specifications
        run=data["run"],
    )


def _instant(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _script() -> str:
    """The page's own script: the files of script/ in the order of their names, one module together."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE / "script").glob("*.js")))
