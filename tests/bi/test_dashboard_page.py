"""The dashboard's page without a browser: self-contained, within its size, nothing of the data as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bi.dashboard.build import write_dashboard
from bi.dashboard.data import Limits, read_data
from bi.marts import open_marts
from bi.publication import PublishError

from .conftest import Home, copied_marts
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


def data_of(page: str) -> dict[str, list[dict[str, Any]]]:
    text = next(text for attributes, text in Elements(page).scripts if attributes.get("id") == "data")
    tables = {name: table for name, table in json.loads(text).items() if isinstance(table, dict) and "rows" in table}
    return {
        name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]] for name, table in tables.items()
    }


def test_the_raw_record_of_every_step_is_in_the_page(page: str) -> None:
    data = data_of(page)
    assert {step["item"] for step in data["steps"]} == set(range(len(data["items"])))
    for told in [*data["steps"], *data["answers"]]:
        record = data["records"][told["record"]]
        landing = data["landings"][record["landing"]]
        key = f"{landing['stream']}|{record['id']}"
        assert record["hash"] == hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()  # the latest version's
        # Below PMO_HOME: where that lies on this machine is told to nobody.
        assert landing == {**landing, "run": "run-0001", "file": f"raw/{landing['stream']}/part-1.parquet"}


def test_of_raw_records_the_newest_items_stay_whole_and_a_command_is_named(published: Home) -> None:
    limits = replace(Limits(), steps=900, answers=10)
    with open_marts(published.published, published.warehouse) as marts:
        data = read_data(marts, limits)
        steps = marts.execute("select count(*) from item_steps semi join traced_items using (item_key)").fetchone()
    assert 880 < len(data["steps"]["rows"]) <= 900
    assert steps == (len(data["steps"]["rows"]),)
    items = {row[0] for row in data["steps"]["rows"]}
    columns = data["evidence"]["columns"]
    newest: dict[int, str] = {}
    for row in data["evidence"]["rows"]:
        item, day = row[columns.index("item")], row[columns.index("day")]
        newest[item] = max(newest.get(item, ""), day)
    oldest = min(newest[item] for item in items if item in newest)
    assert all(day <= oldest for item, day in newest.items() if item not in items)
    assert len(data["answers"]["rows"]) == 10  # only nps has evidence here
    told = f"of the {len(items)} items with the newest evidence, of {len(data['items']['rows'])}"
    assert any(told in note and "pmo explain" in note for note in data["notes"])
    assert any(note.startswith("10 of ") and "answers" in note for note in data["notes"])


def test_unsafe_links_are_dropped(published: Home, tmp_path: Path) -> None:
    with copied_marts(published.published) as marts:
        marts.execute("update dim_work_item set source_url = 'JavaScript:alert(1)'")
        write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache")
    assert not re.search("javascript:alert", (tmp_path / "dashboard" / "index.html").read_text(), re.IGNORECASE)


def test_empty_marts_still_give_a_page(published: Home, tmp_path: Path) -> None:
    with duckdb.connect() as marts:
        write_dashboard(marts, tmp_path, RUN, cache=published.path / "cache")
    assert "Delivery dashboard" in (tmp_path / "dashboard" / "index.html").read_text()


def test_a_page_that_is_too_big_is_cut_and_says_so(published: Home, tmp_path: Path) -> None:
    whole = (published.published / "dashboard" / "index.html").stat().st_size

    def written(folder: str, limit: int) -> list[str]:
        with open_marts(published.published, published.warehouse) as marts:
            (tmp_path / folder).mkdir()
            notices = write_dashboard(marts, tmp_path / folder, RUN, cache=published.path / "cache", limit=limit)
        assert (tmp_path / folder / "dashboard" / "index.html").stat().st_size <= limit
        return notices

    first = written("a little", whole - 100_000)  # of raw records there are fewer, all else stays
    assert "raw records are shown of the" in first[-2]
    assert first[-1] == "dashboard: months shown: 13; sprints shown per team: 12"
    assert written("much", whole - 350_000)[-1] == "dashboard: months shown: 10; sprints shown per team: 9"
    with pytest.raises(PublishError, match="does not fit"):
        written("nothing", 100_000)


def test_a_row_tells_the_portfolio_of_its_time_where_it_is_not_todays(published: Home) -> None:
    def told(marts: duckdb.DuckDBPyConnection, name: str) -> set[str | None]:
        data = read_data(marts, Limits())[name]
        return {row[data["columns"].index("portfolio")] for row in data["rows"]}

    with copied_marts(published.published) as marts:
        marts.execute("update dim_work_item set portfolio_key = 'elsewhere', project_key = 'jira:elsewhere'")
        for name in ("evidence", "delivered"):
            assert told(marts, name) >= {"p0", "p1"}
        marts.execute("update dim_project set portfolio_key = null")
        for name in ("evidence", "delivered"):
            assert told(marts, name) == {""}
        marts.execute("update dim_work_item set epic_portfolio_key = 'elsewhere'")
        for name in ("evidence", "delivered"):
            assert told(marts, name) == {None}
