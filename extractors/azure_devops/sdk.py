"""What the `azure-devops` package does for us: find the services of an organisation, list projects and teams.

Bulk data does not go through it: its reporting calls return empty objects, it drops continuation tokens
and is a tenth as fast as a typed decoder. Its sessions get our HTTP layer, by way of the credentials that
the package asks to sign every session, so limits, retries, checks and errors are the same everywhere.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase

from extractors.errors import ExtractError, NotFound, RepeatedPage, SchemaChanged
from extractors.http import Access, SourceAdapter, mount

PAGE = 200
CAPPED_PAGE = 100  # the least that a server may cap a page at; a shorter one is the last
MAX_PAGES = 500


@dataclass(frozen=True)
class Site:
    """What the server says of itself. `deployment`: services or server."""

    deployment: str
    user: str | None


def _prepare_cache() -> None:
    """The package makes a cache folder when it is imported: give it one that is ours, fresh and writable.

    Its default, a file in the home folder shared by all processes, breaks where that is read-only and
    serves yesterday's addresses.
    """
    if "AZURE_DEVOPS_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="azure-devops-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["AZURE_DEVOPS_CACHE_DIR"] = folder


class Discovery:
    """Projects and teams through the package. Create it where it is used: the import takes most of a second."""

    def __init__(self, access: Access, base_url: str, auth: AuthBase) -> None:
        _prepare_cache()
        from azure.devops.v7_1.core import CoreClient
        from azure.devops.v7_1.location import LocationClient

        self._access = access
        signed = _credentials(access, auth)
        # Not through the package's Connection: it would ask where the services are, and calls go to `url` alone.
        self._core, self._location = CoreClient(base_url, signed), LocationClient(base_url, signed)

    def site(self) -> Site | None:
        """None where the server does not tell; nothing depends on it but its description."""
        try:
            data = self._location.get_connection_data()
        except (ExtractError, ValueError) as error:
            if isinstance(error, ExtractError) and not isinstance(error, (NotFound, SchemaChanged)):
                raise
            return None
        kind = str(getattr(data, "deployment_type", "") or "")
        user = getattr(data.authenticated_user, "provider_display_name", None) if data.authenticated_user else None
        return Site("services" if kind.lower() == "hosted" else "server", user)

    def projects(self, state: str = "wellFormed") -> list[dict[str, Any]]:
        """All projects that the token may see, as the API's own JSON."""
        core = self._core
        return self._pages("projects", lambda skip: core.get_projects(state_filter=state, top=PAGE, skip=skip))

    def teams(self, project_id: str) -> list[dict[str, Any]]:
        core = self._core
        return self._pages(f"teams of {project_id}", lambda skip: core.get_teams(project_id, top=PAGE, skip=skip))

    def _pages(self, subject: str, read: Callable[[int], Sequence[Any] | None]) -> list[dict[str, Any]]:
        """By offset until a short page: the package drops the token, and a server may cap the page size."""
        found: dict[str, dict[str, Any]] = {}
        for _ in range(MAX_PAGES):
            page = [model.serialize(keep_readonly=True) for model in read(len(found)) or []]
            if any(record["id"] in found for record in page):
                break
            found.update((record["id"], record) for record in page)
            if len(page) < CAPPED_PAGE:
                return list(found.values())
        raise RepeatedPage(
            self._access.connection, subject, remedy="Run again", detail="The same entries came on two pages"
        )


def _credentials(access: Access, auth: AuthBase) -> Any:
    from msrest.authentication import Authentication

    class Signed(Authentication):
        """Signs the package's sessions and puts our HTTP layer into them."""

        def signed_session(self, session: requests.Session | None = None) -> requests.Session:
            session = super().signed_session(session)
            if not isinstance(session.get_adapter("https://"), SourceAdapter):
                mount(session, access)
            session.auth = auth
            return session

    return Signed()
