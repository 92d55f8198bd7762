"""Data Center: a big project is walked in ranges side by side, and nothing is lost, whatever happens meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.errors import RepeatedPage
from extractors.jira.client import JiraClient, SourceClient
from extractors.jira.key_walk import KeyWalk
from sandbox.model import Tool
from tests.extractors.jira_life import PROJECTS, Issue, Life, living
from tests.extractors.sandbox_site import jira

RED = next(project for project, key in PROJECTS.items() if key == "RED")
Site = tuple[Life, str]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """200 issues with gaps between their numbers, in pages of four."""
    limiters._limiters.clear()
    monkeypatch.setattr("extractors.jira.key_walk.PAGE", 4)
    dice = random.Random(3)  # noqa: S311
    with living(tmp_path, Tool.JIRA_DC, "UTC", datetime(2027, 5, 3, 12, tzinfo=UTC), dice) as (life, url):
        for _ in range(200):
            if dice.random() < 0.1:
                life._numbers[RED] += dice.randint(1, 2_000)
            life.create()
        yield life, url


def walked(url: str) -> list[int]:
    walk = KeyWalk(JiraClient(jira(url)), f"project in ({RED})", with_updated=False)
    return [int(issue.id) for page in walk.pages() for issue in page]


def red(life: Life) -> list[Issue]:
    return sorted((one for one in life.issues.values() if one.project == RED), key=lambda one: int(one.key[4:]))


def test_ranges_are_walked_side_by_side_and_hold_every_issue(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    life, url = site
    fault = {"match": "/search$", "kind": "slow", "seconds": 0.05, "times": None}
    requests.post(f"{url}/_sandbox/faults", json=[fault], timeout=10).raise_for_status()
    under_way, most, lock, post = 0, 0, threading.Lock(), SourceClient.post

    def counted(client: SourceClient, path: str, *rest: Any) -> Any:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        try:
            return post(client, path, *rest)
        finally:
            with lock:
                under_way -= 1

    monkeypatch.setattr(SourceClient, "post", counted)
    found = walked(url)
    assert set(found) == {issue.number for issue in red(life)}
    assert most >= 4
    asked = [one for one in requests.get(f"{url}/_sandbox/requests", timeout=10).json() if "/search" in one["path"]]
    assert len(asked) <= 1 + len(red(life)) / 3 + 12  # every page begins with one that is known; and the borders
    assert len(found) <= len(set(found)) * 4 / 3 + 12


@pytest.mark.parametrize("seed", range(4))
def test_issues_that_go_while_they_are_walked_take_no_other_with_them(
    site: Site, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Before each page some issue is deleted, moved to another project or hidden, often one that a page begins with."""
    life, url = site
    dice, lock, post = random.Random(seed), threading.Lock(), SourceClient.post  # noqa: S311
    shown: list[str] = []

    def post_and_disturb(client: SourceClient, path: str, form: Any, body: Any) -> Any:
        answer = post(client, path, form, body)
        with lock:
            shown.extend(issue.key for issue in answer.value.issues[-1:])
            by_key = {issue.key: issue for issue in red(life)}
            wanted = [by_key[key] for key in shown[-6:] if key in by_key] or list(by_key.values())
            if len(by_key) > 40 and dice.random() < 0.7:
                life.at(life.now + timedelta(seconds=1))
                dice.choice([life.delete, life.move, life.hide])(dice.choice(wanted))
        return answer

    before = len(red(life))
    monkeypatch.setattr(SourceClient, "post", post_and_disturb)
    found = set(walked(url))
    stayed = {issue.number for issue in red(life)}
    assert before - len(stayed) >= 15
    assert stayed <= found


def test_a_server_that_does_not_compare_keys_is_an_error_and_no_loop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = site
    monkeypatch.setattr("extractors.jira.key_walk.key_from", lambda _: "created > 0")
    asked = []
    post = SourceClient.post
    monkeypatch.setattr(SourceClient, "post", lambda *parts: asked.append(parts) or post(*parts))  # type: ignore[func-returns-value]
    with pytest.raises(RepeatedPage, match="do not begin"):
        walked(url)
    assert len(asked) < 1_500
