"""Jira over HTTP, no more: what is asked and how answers are paged. Facts and limits: README.md.

The `jira` package reads statuses, resolutions, issue types and Data Center's projects. Everything else goes
through our own session, because the package has no bulk endpoints, stops at page limits without an error,
follows a repeated page token for ever and is not made for threads. Both sessions use the HTTP layer of http.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from extractors.connection import JiraConnection
from extractors.errors import NotFound, RepeatedPage, SchemaChanged, Truncated
from extractors.http import Access, check_url, mount
from extractors.jira.documents import Page
from extractors.limiter import ADVISED, WIDEST
from extractors.session import BasicAuth, BearerAuth, SourceClient

THREADS = ADVISED
SAME_CLOCK = timedelta(minutes=1)


class JiraClient:
    """One Jira site. Threads may share it."""

    def __init__(self, connection: JiraConnection) -> None:
        self.connection = connection
        self.site_url = check_url(connection.id, connection.url)
        self.api_url = self._gateway(connection) if connection.cloud_id else self.site_url
        self.access = Access(
            connection=connection.id,
            origins=tuple(dict.fromkeys((self.api_url, self.site_url))),
            token_env=connection.token_env,
            ca_bundle=connection.ca_bundle,
        )
        self._auth = (
            BasicAuth(connection.username, connection.token) if connection.username else BearerAuth(connection.token)
        )
        self.http = SourceClient(self.access, self.api_url, self._auth, pool_size=WIDEST)

    @staticmethod
    def _gateway(connection: JiraConnection) -> str:
        """Scoped tokens and OAuth are taken there only, for a site that is named by its id."""
        return f"{check_url(connection.id, connection.gateway)}/ex/jira/{connection.cloud_id}"

    # -- what the server is ------------------------------------------------------------------------

    @cached_property
    def package(self) -> Any:
        """The `jira` package's client on our HTTP layer. It asks nothing while it is made."""
        from jira import JIRA
        from jira.resources import Resource

        client = JIRA(
            server=self.api_url,
            options={"rest_api_version": self.api_version, "check_update": False},
            get_server_info=False,
            default_batch_sizes={Resource: None},  # the server's own page size
            max_retries=0,
            validate=False,
        )
        client._session.auth = self._auth  # noqa: SLF001 - the package has no other way to bring one's own session
        mount(client._session, self.access)  # noqa: SLF001
        return client

    @cached_property
    def server_info(self) -> dict[str, Any]:
        """Asked over version 2, which both deployments serve."""
        answer = self.http.get("/rest/api/2/serverInfo", dict[str, Any])
        info, self._asked_at = answer.value, answer.sent_at
        if "version" not in info and "deploymentType" not in info:
            raise SchemaChanged(
                self.connection.id, f"{self.site_url}/rest/api/2/serverInfo", 200, "Check that `url` is a Jira site"
            )
        return info

    @property
    def is_cloud(self) -> bool:
        return str(self.server_info.get("deploymentType", "Server")).lower() == "cloud"

    @property
    def api_version(self) -> str:
        return "3" if self.is_cloud else "2"

    @property
    def api(self) -> str:
        return f"/rest/api/{self.api_version}"

    @property
    def requests(self) -> int:
        return self.http.adapter.requests + (
            self.package._session.get_adapter(self.api_url).requests if "package" in self.__dict__ else 0  # noqa: SLF001
        )

    def clock_offset(self) -> timedelta:
        """The server's clock less ours; zero if they agree to a minute or the server does not say."""
        text = self.server_info.get("serverTime")
        try:
            offset = datetime.fromisoformat(str(text)).astimezone(UTC) - self._asked_at
        except ValueError:
            return timedelta(0)
        return offset if abs(offset) >= SAME_CLOCK else timedelta(0)

    # -- lists of metadata, some through the jira package -------------------------------------------

    def myself(self) -> dict[str, Any]:
        """Asked over our own session, as the fields are: the package's is not made for threads."""
        return self.http.get(f"{self.api}/myself", dict[str, Any]).value

    def fields(self) -> list[dict[str, Any]]:
        return [_object(entry) for entry in self.http.get(f"{self.api}/field", list[Any]).value]

    def statuses(self) -> list[dict[str, Any]]:
        return self._objects("status", [status.raw for status in self.package.statuses()])

    def resolutions(self) -> list[dict[str, Any]]:
        return self._objects("resolution", [resolution.raw for resolution in self.package.resolutions()])

    def issue_types(self) -> list[dict[str, Any]]:
        return self._objects("issuetype", [issue_type.raw for issue_type in self.package.issue_types()])

    def projects(self) -> list[dict[str, Any]]:
        """All projects that the token may see; on Cloud archived ones and those in the trash (`deleted`), too."""
        if self.is_cloud:
            states = ["live", "archived", "deleted"]
            return self.pages(f"{self.api}/project/search", {"status": states, "maxResults": 100})
        return self._objects("project", [project.raw for project in self.package.projects(expand="description")])

    def boards(self, project_key: str | None = None) -> list[dict[str, Any]]:
        scope = {"projectKeyOrId": project_key} if project_key else {}
        return self.pages("/rest/agile/1.0/board", {**scope, "maxResults": 50})

    def sprint(self, sprint_id: str) -> dict[str, Any] | None:
        """A sprint that no readable board lists; None if it is gone."""
        try:
            return self.http.get(f"/rest/agile/1.0/sprint/{sprint_id}", dict[str, Any]).value
        except NotFound:
            return None

    def versions(self, project_id: str) -> list[dict[str, Any]]:
        """The releases of a project."""
        if self.is_cloud:
            return self.pages(f"{self.api}/project/{project_id}/version", {"maxResults": 50})
        return [_object(one) for one in self.http.get(f"{self.api}/project/{project_id}/versions", list[Any]).value]

    def board_configuration(self, board_id: str) -> dict[str, Any]:
        return self.http.get(f"/rest/agile/1.0/board/{board_id}/configuration", dict[str, Any]).value

    def filter(self, filter_id: str) -> dict[str, Any]:
        return self.http.get(f"{self.api}/filter/{filter_id}", dict[str, Any]).value

    def _objects(self, subject: str, found: Any) -> list[dict[str, Any]]:
        if not isinstance(found, list) or any(not isinstance(entry, dict) for entry in found):
            raise SchemaChanged(self.connection.id, f"the list {subject}", 200, "Check that `url` is a Jira site")
        return found

    def pages(self, path: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All entries of a list that is paged by startAt.

        Raises Truncated if it ends before its end, RepeatedPage if it does not move on.
        """
        found: list[dict[str, Any]] = []
        before: list[msgspec.Raw] = []
        while True:
            page = self.http.get(path, Page, {**params, "startAt": len(found)}).value
            if page.values and page.values == before:
                raise RepeatedPage(
                    self.connection.id,
                    f"GET {path}",
                    200,
                    "Nothing of this list was kept; run again, and update a server that ignores startAt",
                    detail=f"The same page came twice after {len(found)} entries",
                )
            before = page.values
            found.extend(_object(msgspec.json.decode(entry)) for entry in page.values)
            if page.is_last is None and page.total is None:  # an old server says neither
                is_last = not page.values
            else:
                is_last = page.is_last if page.is_last is not None else len(found) >= (page.total or 0)
            if is_last:
                return found
            if not page.values:
                raise Truncated(
                    self.connection.id,
                    f"GET {path}",
                    200,
                    "Nothing of this list was kept; run again",
                    detail=f"An empty page came after {len(found)} entries, and says that it is not the last one",
                )


def _object(entry: Any) -> dict[str, Any]:
    """An entry of a list; what is no object has no name by which it could be told."""
    return entry if isinstance(entry, dict) else {}
