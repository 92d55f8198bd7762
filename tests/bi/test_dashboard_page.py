"""The dashboard's page without a browser: self-contained, within its size, nothing of the data as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from bi.dashboard.build import write_dashboard
from bi.marts import open_marts
from bi.publication import PublishError

from .conftest import Home
from .synthetic import HOSTILE_TITLES, RUN


class Elements(HTMLParser):
    """Counts elements and collects scripts, attributes and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.is_in_script = False
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.policy = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.is_in_script = tag == "script"
        self.attributes += attrs
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature of HTMLParser
        self.is_in_script = False

    def handle_data(self, data: str) -> None:
        if self.is_in_script:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)


@pytest.fixture(scope="module")
def page(published: Home) -> str:
    return (published.published / "dashboard" / "index.html").read_text(encoding="utf-8")


def test_the_page_is_one_small_file_that_loads_nothing(page: str) -> None:
    assert len(page.encode()) < 5_000_000
    elements = Elements(page)
    loading = [(name, value) for name, value in elements.attributes if name in ("src", "href", "action", "data")]
    assert {value for _, value in loading} == {"#scorecard", "data:,"}
    assert "default-src 'none'" in elements.policy
    assert "unsafe" not in elements.policy


def test_the_policy_names_each_script_by_its_hash(page: str) -> None:
    elements = Elements(page)
    for attributes, text in elements.scripts:
        if attributes.get("type") == "module":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in elements.policy


def test_hostile_titles_are_data_and_never_markup(page: str) -> None:
    elements = Elements(page)
    assert elements.names.count("script") == 4  # data, charts, library, the page's own
    assert "img" not in elements.names
    data = json.loads(next(text for attributes, text in elements.scripts if attributes.get("id") == "data"))
    position = data["items"]["columns"].index("title")
    titles = {row[position] for row in data["items"]["rows"]}
    assert {title.replace("\0", "") for title in HOSTILE_TITLES} <= titles


def test_unsafe_links_are_dropped(published: Home, tmp_path: Path) -> None:
    with duckdb.connect() as marts:
        marts.execute(f"attach '{published.published / 'marts.duckdb'}' as pmo (read_only)")
        names = marts.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        for (name,) in names:
            marts.execute(f"create table {name} as from pmo.marts.{name}")
        marts.execute("update dim_work_item set source_url = 'JavaScript:alert(1)'")
        write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache")
    assert not re.search("javascript:alert", (tmp_path / "dashboard" / "index.html").read_text(), re.IGNORECASE)


def test_empty_marts_still_give_a_page(published: Home, tmp_path: Path) -> None:
    with duckdb.connect() as marts:
        write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache")
    assert "Delivery dashboard" in (tmp_path / "dashboard" / "index.html").read_text()


def test_a_page_that_is_too_big_is_cut_and_says_so(published: Home, tmp_path: Path) -> None:
    whole = (published.published / "dashboard" / "index.html").stat().st_size
    with open_marts(published.published) as marts:
        notices = write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache", limit=whole - 100_000)
    assert (tmp_path / "dashboard" / "index.html").stat().st_size <= whole - 100_000
    assert notices == ["dashboard: months shown: 10; sprints shown per team: 9"]
    with open_marts(published.published) as marts, pytest.raises(PublishError, match="does not fit"):
        write_dashboard(marts, tmp_path / "other", RUN, cache=published.path / "cache", limit=100_000)
