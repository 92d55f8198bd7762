"""The same issues with the `jira` client: `python -m tests.bench.side_peer URL FIELDS`. Prints what it counted.

The plain way to read a site with that library: one search after the other, histories embedded. Cloud embeds the
newest 40 histories only; the client has no call for the rest, so they are read issue by issue. Answers stay JSON
(its Issue objects would cost more) and are counted, not stored: the comparison favours this side.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from jira import JIRA

Json = dict[str, Any]
PAGE = 100
WINDOW = 10_000  # Data Center shows no more of one search


def main(url: str, fields: str) -> None:
    api = JIRA(url, basic_auth=("me@example.com", "sandbox"), options={"rest_api_version": "2"})
    names = fields.split(",")
    if api._is_cloud:
        api._options["rest_api_version"] = "3"
    issues = histories = 0
    for issue in _cloud(api, names) if api._is_cloud else _data_center(api, names):
        issues += 1
        histories += len(_histories(api, issue))
    sys.stdout.write(json.dumps({"issues": issues, "histories": histories}) + "\n")


def _cloud(api: JIRA, fields: list[str]) -> Iterator[Json]:
    token = None
    while True:
        page = api.enhanced_search_issues(
            "project is not empty ORDER BY id ASC", nextPageToken=token, maxResults=PAGE,
            fields=list(fields), expand="changelog", json_result=True,
        )  # fmt: skip
        yield from page["issues"]
        token = page.get("nextPageToken")
        if not token:
            return


def _data_center(api: JIRA, fields: list[str]) -> Iterator[Json]:
    after = start = 0
    while True:
        page = api.search_issues(
            f"id > {after} ORDER BY id ASC", startAt=start, maxResults=PAGE,
            fields=list(fields), expand="changelog", json_result=True,
        )  # fmt: skip
        yield from page["issues"]
        start += len(page["issues"])
        if start >= page["total"]:
            return
        if start + PAGE > WINDOW:
            after, start = int(page["issues"][-1]["id"]), 0


def _histories(api: JIRA, issue: Json) -> list[Json]:
    changelog = issue["changelog"]
    if len(changelog["histories"]) >= changelog["total"]:
        return list(changelog["histories"])
    found: list[Json] = []
    while True:
        page = api._get_json(f"issue/{issue['id']}/changelog", {"startAt": len(found), "maxResults": PAGE})
        found += page["values"]
        if page["isLast"]:
            return found


if __name__ == "__main__":
    main(*sys.argv[1:])
