"""The parts of the page that no data change: Vega's scripts and the chart specifications.

Both take seconds to make and depend on package versions and our own source alone, so they are kept
in a folder (`$PMO_HOME/cache`) under a name that holds what they depend on. The folder may be
removed at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

VEGA_LITE = "6.4"  # the version Altair writes
CHARTS = Path(__file__).parent / "charts.py"


def library(cache: Path | None) -> str:
    """Vega, Vega-Lite and vega-embed as one module script that sets `window.vegaEmbed`."""
    return _kept(cache, f"vega-{VEGA_LITE}-{version('vl-convert-python')}.js", _bundle)


def charts(cache: Path | None) -> str:
    """The chart specifications as JSON, by name."""
    source = hashlib.sha256(CHARTS.read_bytes()).hexdigest()[:16]
    return _kept(cache, f"charts-{version('altair')}-{source}.json", _specifications)


def as_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _bundle() -> str:
    import vl_convert

    # None is the whole bundle; the package's stub does not know.
    bundle: str = vl_convert.javascript_bundle(None, vl_version=VEGA_LITE)  # type: ignore[arg-type]
    # End tags inside strings must not end the element.
    return "\n" + bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--") + "\n"


def _specifications() -> str:
    from bi.dashboard.charts import chart_specs

    return as_json(chart_specs())


def _kept(cache: Path | None, name: str, make: Callable[[], str]) -> str:
    if cache is None:
        return make()
    file = cache / name
    if file.is_file():
        return file.read_text(encoding="utf-8")
    text = make()
    cache.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
    return text
