"""Work item tracking of Azure DevOps 7.1 apart from the feeds: items, queries, recycle bin, types, nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.render.common import zulu
from sandbox.servers.azure_site import AzureSite, ProblemError, body_of, chosen, flag, read_revision, whole
from sandbox.servers.wiql import WiqlError, WiqlQuery, read_wiql

BATCH = 200
QUERY_LIMIT = 20_000
_MISSING = "TF401232: Work item {0} does not exist, or you do not have permissions to read it."
_LATEST = """
select r.doc from revisions as r join work_items as w on w.id = r.item_id and w.rev = r.rev
where w.id = ? and not w.is_deleted
"""


class WorkItemTracking:
    def __init__(self, site: AzureSite) -> None:
        self._site = site

    async def batch(self, request: Request) -> Response:
        """workitemsbatch (POST) and workitems?ids= (GET): at most 200 items, in the order asked for."""
        if request.method == "POST":
            asked = await body_of(request)
            numbers, fields, policy = asked.get("ids") or [], asked.get("fields"), asked.get("errorPolicy")
        else:
            query = request.query_params
            numbers = [int(part) for part in query.get("ids", "").split(",") if part.strip().isdigit()]
            fields, policy = [name for name in query.get("fields", "").split(",") if name], query.get("errorPolicy")
        if len(numbers) > BATCH:
            raise ProblemError(400, f"VS403474: You are trying to get {len(numbers)} work items; the limit is {BATCH}.")
        documents = []
        for number in numbers:
            document = self._latest(number, fields or None)
            if document is not None:
                documents.append(document)
            elif str(policy).lower() == "omit":
                documents.append(b"null")
            else:
                raise ProblemError(404, _MISSING.format(number), "WorkItemUnauthorizedAccessException")
        return self._site.respond_list(documents)

    def _latest(self, number: int, fields: Sequence[str] | None) -> bytes | None:
        stored = self._site.store.value(_LATEST, (number,))
        if stored is None:
            return None
        document = chosen(stored, fields, with_identities=True, with_long_texts=True)
        return document[:-1] + b',"url":"%b"}' % self._address(number).encode()

    def _address(self, number: int) -> str:
        return f"{self._site.root}/_apis/wit/workItems/{number}"

    async def item(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        fields = [name for name in request.query_params.get("fields", "").split(",") if name]
        document = self._latest(number, fields or None)
        if document is None:
            raise ProblemError(404, _MISSING.format(number), "WorkItemUnauthorizedAccessException")
        return self._site.respond(document)

    def _revisions(self, request: Request) -> tuple[int, list[bytes]]:
        number = int(request.path_params["number"])
        if not self._site.store.value("select 1 from work_items where id = ? and not is_deleted", (number,)):
            raise ProblemError(404, _MISSING.format(number), "WorkItemUnauthorizedAccessException")
        rows = self._site.store.rows("select doc from revisions where item_id = ? order by rev", (number,))
        return number, [row[0] for row in rows]

    async def revisions(self, request: Request) -> Response:
        number, documents = self._revisions(request)
        start = whole(request, "$skip", 0)
        address = self._address(number)
        shown = documents[start : start + min(whole(request, "$top", BATCH), BATCH)]
        return self._site.respond_list(
            [
                document[:-1] + f',"url":"{address}/revisions/{rev}"}}'.encode()
                for rev, document in enumerate(shown, start + 1)
            ]
        )

    async def updates(self, request: Request) -> Response:
        """What each revision changed, `oldValue` and `newValue` by field."""
        number, documents = self._revisions(request)
        start = whole(request, "$skip", 0)
        fields = [{}, *(read_revision(document).fields for document in documents)]
        updates = [self._update(number, rev, *pair) for rev, pair in enumerate(pairwise(fields), 1)]
        shown = updates[start : start + min(whole(request, "$top", BATCH), BATCH)]
        return self._site.respond_list([msgspec.json.encode(update) for update in shown])

    def _update(
        self, number: int, rev: int, before: dict[str, msgspec.Raw], after: dict[str, msgspec.Raw]
    ) -> dict[str, Any]:
        changes: dict[str, dict[str, msgspec.Raw]] = {}
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if (old and bytes(old)) != (new and bytes(new)):
                sides = (("oldValue", old), ("newValue", new))
                changes[name] = {side: value for side, value in sides if value is not None}
        return {
            "id": rev, "workItemId": number, "rev": rev, "revisedBy": after["System.ChangedBy"],
            "revisedDate": after["System.RevisedDate"], "fields": changes,
            "url": f"{self._address(number)}/updates/{rev}",
        }  # fmt: skip

    async def wiql(self, request: Request) -> Response:
        """Live items' ids; more than 20,000 are an error, unless $top asks for fewer."""
        asked, project = await body_of(request), self._site.project(request)
        with_time = flag(request, "timePrecision")
        name = project["name"] if project else None
        try:
            query = read_wiql(str(asked.get("query") or ""), name, self._site.now, with_time=with_time)
        except WiqlError as error:
            raise ProblemError(400, str(error), "SyntaxException") from error
        if query.link is not None:
            return self._links(query)
        top = whole(request, "$top", QUERY_LIMIT + 1)
        hidden = self._site.hidden_from(request)
        lag = "" if hidden is None else f"and changed < {hidden}"
        rows = self._site.store.rows(
            f"select id from work_items where not is_deleted {lag} and ({query.where}) "  # noqa: S608 - values are bound
            f"order by {query.order} limit ?",
            (*query.values, min(top, QUERY_LIMIT + 1)),
        )
        items = [self._reference(row[0]) for row in _within_limit(rows)]
        head = {"queryType": "flat", "queryResultType": "workItem"}
        return self._site.respond_value(head | self._columns(query) | {"workItems": items})

    def _links(self, query: WiqlQuery) -> Response:
        """Pairs of parent and child that are both live; before each source the item itself, as the tool has it."""
        is_forward = str(query.link).lower().endswith("-forward")
        child, parent = ("target", "source") if is_forward else ("source", "target")
        rows = self._site.store.rows(
            "select source.id, target.id "  # noqa: S608 - values are bound
            # From the child, which knows its parent: the other way round every pair would be looked at.
            f"from work_items as {child} cross join work_items as {parent} on {child}.parent_id = {parent}.id "
            f"where not source.is_deleted and not target.is_deleted and ({query.where}) "
            f"order by {query.order} limit ?",
            (*query.values, QUERY_LIMIT + 1),
        )
        relations: list[dict[str, Any]] = []
        for source, target in _within_limit(rows):
            if not relations or (relations[-1]["source"] or relations[-1]["target"])["id"] != source:
                relations.append({"rel": None, "source": None, "target": self._reference(source)})
            relations.append({"rel": query.link, "source": self._reference(source), "target": self._reference(target)})
        head = {"queryType": "oneHop", "queryResultType": "workItemLink"}
        return self._site.respond_value(head | self._columns(query) | {"workItemRelations": relations})

    def _reference(self, number: int) -> dict[str, Any]:
        return {"id": number, "url": self._address(number)}

    def _columns(self, query: WiqlQuery) -> dict[str, Any]:
        columns = [
            {
                "referenceName": name,
                "name": name.rpartition(".")[2],
                "url": f"{self._site.root}/_apis/wit/fields/{name}",
            }
            for name in query.columns
        ]
        return {"asOf": zulu(self._site.now), "columns": columns}

    async def recycle_bin(self, request: Request) -> Response:
        """References of deleted items; with `ids` who deleted them and when. Destroyed items are not there."""
        project = self._site.project(request)
        where, values = ("and w.project = ?", [project["name"]]) if project else ("", [])
        rows = self._site.store.rows(
            "select w.id, w.type, w.title, w.project, r.doc from work_items as w "  # noqa: S608 - values are bound
            f"join revisions as r on r.item_id = w.id and r.rev = w.rev where w.is_deleted {where} order by w.id",
            values,
        )
        wanted = request.query_params.get("ids")
        if wanted is None:
            documents = [{"id": row[0], "url": self._bin_address(row[0])} for row in rows]
        else:
            numbers = {part.strip() for part in wanted.split(",")}
            documents = [self._deleted(row) for row in rows if str(row[0]) in numbers]
        return self._site.respond_list([msgspec.json.encode(document) for document in documents])

    async def recycled(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        rows = self._site.store.rows(
            "select w.id, w.type, w.title, w.project, r.doc from work_items as w "
            "join revisions as r on r.item_id = w.id and r.rev = w.rev where w.is_deleted and w.id = ?",
            (number,),
        )
        if not rows:
            raise ProblemError(404, _MISSING.format(number), "WorkItemUnauthorizedAccessException")
        return self._site.respond_value(self._deleted(rows[0]))

    def _bin_address(self, number: int) -> str:
        return f"{self._site.root}/_apis/wit/recycleBin/{number}"

    def _deleted(self, row: tuple[Any, ...]) -> dict[str, Any]:
        number, kind, title, project, document = row
        fields = read_revision(document).fields
        person = msgspec.json.decode(fields["System.ChangedBy"])
        who = f"{person['displayName']} <{person['uniqueName']}>"
        return {
            "id": number, "code": 200, "type": kind, "name": title, "project": project,
            "deletedDate": fields["System.ChangedDate"], "deletedBy": who, "url": self._bin_address(number),
        }  # fmt: skip

    async def fields(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond_list(self._site.store.resources("field"))

    async def types(self, request: Request) -> Response:
        project = self._site.project(request)
        return self._site.respond_list(self._site.store.resources("type", project["id"] if project else None))

    def _type(self, request: Request) -> bytes:
        project, name = self._site.project(request), str(request.path_params["type"])
        document = self._site.store.resource("type", f"{project['id']}/{name.lower()}") if project else None
        if document is None:
            raise ProblemError(404, f"VS402323: Work item type {name} does not exist.", "WorkItemTypeNotFoundException")
        return document

    async def type(self, request: Request) -> Response:
        return self._site.respond(self._type(request))

    async def states(self, request: Request) -> Response:
        states = msgspec.json.decode(self._type(request))["states"]
        return self._site.respond_list([msgspec.json.encode(state) for state in states])

    async def nodes(self, request: Request) -> Response:
        """Both trees of a project, or `ids` of both."""
        roots = [self._tree(request, group) for group in ("areas", "iterations")]
        if ids := request.query_params.get("ids"):
            wanted = {int(part) for part in ids.split(",") if part.strip().isdigit()}
            roots = [_pruned(node, 0) for root in roots for node in _flat(root) if node["id"] in wanted]
        else:
            roots = [_pruned(root, whole(request, "$depth", 0)) for root in roots]
        return self._site.respond_list([msgspec.json.encode(root) for root in roots])

    async def node(self, request: Request) -> Response:
        root = self._tree(request, str(request.path_params["group"]).lower())
        for name in filter(None, str(request.path_params.get("path") or "").split("/")):
            children = {child["name"].lower(): child for child in root.get("children", ())}
            if name.lower() not in children:
                raise ProblemError(404, f"VS402371: Classification node name {name} is not recognized.")
            root = children[name.lower()]
        return self._site.respond_value(_pruned(root, whole(request, "$depth", 0)))

    def _tree(self, request: Request, group: str) -> dict[str, Any]:
        project = self._site.project(request)
        document = self._site.store.resource(group, project["id"]) if project else None
        if document is None:
            raise ProblemError(404, f"VS402371: There is no tree '{group}'.")
        tree: dict[str, Any] = msgspec.json.decode(document)
        return tree


def _within_limit(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if len(rows) > QUERY_LIMIT:
        raise ProblemError(
            400,
            f"VS402337: The number of work items returned exceeds the size limit of {QUERY_LIMIT}. Change the query "
            "to return fewer items.",
            "WorkItemTrackingQueryResultSizeLimitExceededException",
        )
    return rows


def _pruned(node: dict[str, Any], depth: int) -> dict[str, Any]:
    """A node with `depth` levels of children below it."""
    kept = {name: value for name, value in node.items() if name != "children"}
    if depth > 0 and "children" in node:
        kept["children"] = [_pruned(child, depth - 1) for child in node["children"]]
    return kept


def _flat(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("children", ()) for below in _flat(child))]
