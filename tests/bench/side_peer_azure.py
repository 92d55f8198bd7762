"""The same revisions with the `azure-devops` client: `python -m tests.bench.side_peer_azure URL items|feed FIELDS`.

`items` is what the library offers for complete histories: ids by a query, then get_revisions of each item. `feed` goes
beyond it: its own calls of the reporting feeds return empty objects, so the pages come through its transport and are
turned into its models, as its other calls do. Models are counted, not stored: the comparison favours this side.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

PAGE, ITEM_PAGE, QUERY_TOP = 1000, 200, 19_999
REVISIONS_FEED = "f828fe59-dd87-495d-a17c-7a8d6211ca6c"
LINKS_FEED = "b5b5b6d0-0308-40a1-b3f4-b9bb3c66878f"


def main(url: str, kind: str, fields: str) -> None:
    with tempfile.TemporaryDirectory(prefix="azure-devops-") as cache:
        os.environ["AZURE_DEVOPS_CACHE_DIR"] = cache  # read when the package is imported; else it writes to the home
        from azure.devops.connection import Connection
        from msrest.authentication import BasicAuthentication

        clients = Connection(base_url=url, creds=BasicAuthentication("", "sandbox")).clients_v7_1
        tracking = clients.get_work_item_tracking_client()
        if kind == "items":
            said = {"revisions": sum(_item_by_item(clients.get_core_client(), tracking))}
        else:
            said = {"revisions": _feed(tracking, REVISIONS_FEED, {"fields": fields, "includeDeleted": "true"}),
                    "links": _feed(tracking, LINKS_FEED, {})}  # fmt: skip
    sys.stdout.write(json.dumps(said) + "\n")


def _item_by_item(core: Any, tracking: Any) -> Iterator[int]:
    from azure.devops.v7_1.work_item_tracking.models import TeamContext, Wiql

    query = (
        "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project "
        "AND [System.Id] > {0} ORDER BY [System.Id]"
    )
    for project in core.get_projects():
        last = 0
        while True:
            found = tracking.query_by_wiql(Wiql(query.format(last)), TeamContext(project=project.name), top=QUERY_TOP)
            for item in found.work_items:
                last = item.id
                yield _revisions_of(tracking, item.id)
            if len(found.work_items) < QUERY_TOP:
                break


def _revisions_of(tracking: Any, item_id: int) -> int:
    count = 0
    while True:
        page = tracking.get_revisions(item_id, top=ITEM_PAGE, skip=count)
        count += len(page)
        if len(page) < ITEM_PAGE:
            return count


def _feed(tracking: Any, location: str, asked: dict[str, Any]) -> int:
    model = "[WorkItem]" if location == REVISIONS_FEED else "[WorkItemRelation]"
    count, token = 0, None
    while True:
        query = {**asked, "includeIdentityRef": "true", "$maxPageSize": PAGE}
        if token:
            query["continuationToken"] = token
        body = tracking._send("GET", location, "7.1-preview.2", query_parameters=query).json()
        count += len(tracking._deserialize(model, body["values"]))
        if body["isLastBatch"]:
            return count
        token = body["continuationToken"]


if __name__ == "__main__":
    main(*sys.argv[1:])
