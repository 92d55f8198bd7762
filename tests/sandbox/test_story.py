"""Stories: what is wrong with one is named; what is told is the same in all tools, and goes on when days pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.commands.sandbox import ServeOptions, serve_forever
from orchestration.errors import PmoError
from sandbox.model import Item, Tool
from sandbox.organisation import Organisation
from sandbox.rendering import SandboxError, advance, ensure, store_path
from sandbox.servers.clock import present
from sandbox.store import Store
from sandbox.story import StoryError, read_story

EXAMPLE = Path(__file__).parents[2] / "sandbox" / "stories" / "worked_example.json"
TOOLS = (Tool.JIRA_CLOUD, Tool.JIRA_DC, Tool.AZURE_DEVOPS)


def example(**changes: Any) -> dict[str, Any]:
    return {**json.loads(EXAMPLE.read_bytes()), **changes}


def item(*history: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "X", "team": "Example team", "history": list(history), **changes}


BORN = {"at": "2024-03-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"items": [item()]}, "item 'X' has no history"),
        ({"items": [item(BORN), item(BORN)]}, "two items are called 'X'"),
        ({"items": [item(BORN, team="Nobody")]}, "'X' names the team 'Nobody', which is not there"),
        ({"items": [item(BORN | {"status": "closed"})]}, "names the status 'closed'.*doing, done, new"),
        ({"items": [item(BORN | {"sprints": ["T"]})]}, "names the sprint 'T'"),
        ({"items": [item(BORN, parent="Y")]}, "names the item before it 'Y'"),
        ({"items": [item(BORN, type="wish")]}, "names the type 'wish'"),
        ({"items": [item(BORN, {"at": "2024-02-01T00:00:00Z"})]}, "not in the order of time"),
        (
            {"items": [item(BORN | {"azure_devops_at": "2024-03-03T00:00:00Z"}, {"at": "2024-03-02T00:00:00Z"})]},
            "not in the order of time",
        ),
        ({"items": [item({"at": "2024-03-01T00:00:00"})]}, "2024-03-01T00:00:00 has no offset"),
        ({"time_zone": "Mars/Base"}, "time_zone 'Mars/Base' is unknown"),
        ({"colour": "red"}, "unknown field `colour`"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(StoryError, match=problem):
        read_story(json.dumps(example(**changes)).encode(), Path("my.json"))


def told(home: Path, tool: Tool) -> dict[str, Item]:
    with Organisation(home) as organised:
        return {str(item.current["title"]): item for item in organised.items(tool)}


def test_all_tools_tell_the_same(tmp_path: Path) -> None:
    ensure(tmp_path, story=EXAMPLE)
    lives = [told(tmp_path, tool) for tool in TOOLS]
    ids = [{name: item.item_id for name, item in items.items()} for items in lives]
    assert ids[0] == ids[1] == ids[2]
    for name in ids[0]:
        instants = [[change_set.at for change_set in items[name].history] for items in lives]
        assert instants[0] == instants[1]
        assert (instants[0] == instants[2]) is (name != "F")
    for tool in TOOLS:
        store = Store.azure_devops if tool is Tool.AZURE_DEVOPS else Store.jira
        assert present(store(store_path(tmp_path, tool))) == datetime(2024, 3, 20, 12, tzinfo=UTC)


def test_days_that_pass_tell_what_comes_next(tmp_path: Path) -> None:
    early = tmp_path / "early.json"
    early.write_text(json.dumps(example(now="2024-03-05T09:00:00Z")), "utf-8")
    home = tmp_path / "sandbox"
    ensure(home, story=early)
    before = told(home, Tool.JIRA_CLOUD)
    assert "D" in before
    assert "K" not in before
    assert before["A"].history == []
    with Organisation(home) as organised:
        assert [(one.started_at is None, one.closed_at) for one in organised.site(Tool.JIRA_CLOUD).sprints] == [
            (False, None)
        ] * 2
    assert advance(home, 15) == datetime(2024, 3, 20, 9, tzinfo=UTC)
    ensure(home, story=early)  # told already: the days that passed stay
    ensure(tmp_path / "whole", story=EXAMPLE)
    for tool in TOOLS:
        assert told(home, tool) == told(tmp_path / "whole", tool)


def test_a_story_is_all_there_is() -> None:
    options = ServeOptions(None, 100, 8771, 0, None, None, None, None, story=EXAMPLE)
    with pytest.raises(PmoError, match="Leave out --replay, --seed and --items"):
        serve_forever(options)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, story=EXAMPLE)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(example(title="Another")), "utf-8")
    with pytest.raises(SandboxError, match="holds another organisation or story"):
        ensure(tmp_path, story=other)
    with pytest.raises(SandboxError, match=r"missing\.json cannot be read: No such file"):
        ensure(tmp_path, story=tmp_path / "missing.json")
