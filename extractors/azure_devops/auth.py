"""How calls to Azure DevOps are signed: a personal access token, or an Entra service principal.

Global personal access tokens end on 2026-12-01, so an unattended extraction should use a service principal.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import msgspec
import requests
from requests.auth import AuthBase

from extractors import redaction
from extractors.answers import decode
from extractors.connection import AzureDevOpsConnection
from extractors.errors import AccessDenied, AuthError, BadRequest, ConfigError, NotFound
from extractors.http import Access, check_url, mount
from extractors.session import BasicAuth

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"  # Azure DevOps' own application id at Entra
REFRESH_SECONDS = 300.0  # before its end a token counts as spent: clocks differ


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


def make_auth(connection: AzureDevOpsConnection, access: Access) -> AuthBase:
    """The signing that the connection's settings ask for, or ConfigError if they name none or half of one."""
    parts = {
        "tenant_id": connection.tenant_id,
        "client_id": connection.client_id,
        "client_secret_env": connection.client_secret,
    }
    if connection.token and not any(parts.values()):
        return BasicAuth("", connection.token)
    if missing := [name for name, value in parts.items() if not value]:
        raise ConfigError(
            connection.id,
            "its token" if len(missing) == len(parts) else "its service principal",
            remedy="Set token_env, or tenant_id, client_id and client_secret_env, and the variables that they name",
            detail="" if len(missing) == len(parts) else f"There is no {' and no '.join(missing)}",
        )
    return ServicePrincipalAuth(connection, access)


class ServicePrincipalAuth(AuthBase):
    """`Authorization: Bearer …` with a token of the client-credentials flow. Thread-safe.

    A token is renewed before it ends, and once when the tool refuses it: a secret that was rotated, or a sign-in
    that was revoked, ends tokens early.
    """

    def __init__(self, connection: AzureDevOpsConnection, access: Access) -> None:
        self._connection = connection
        self._authority = check_url(connection.id, connection.authority)
        self._access = replace(access, origins=(self._authority,), token_env=connection.client_secret_env)
        self._session = requests.Session()
        mount(self._session, self._access, pool_size=1)
        self._lock = threading.Lock()
        self._token = ""
        self._spent_at = 0.0
        redaction.remember(connection.client_secret.reveal())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._lock:
            if time.monotonic() >= self._spent_at:
                self._fetch()
            self._sign(request)
        return request

    def renew(self, request: requests.PreparedRequest) -> bool:
        """Sign a request that was refused anew; many threads are refused at once, and one of them fetches a token.

        False if it was refused with a token that was made for it: another one would not help.
        """
        with self._lock:
            if request.headers.get("Authorization") == f"Bearer {self._token}":
                if getattr(request, "has_own_token", False):
                    return False
                self._fetch()
                request.has_own_token = True  # type: ignore[attr-defined]
            self._sign(request)
        return True

    def _sign(self, request: requests.PreparedRequest) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"

    def _fetch(self) -> None:
        token = self._ask()
        redaction.remember(token.access_token)
        self._token = token.access_token
        self._spent_at = time.monotonic() + max(token.expires_in - REFRESH_SECONDS, token.expires_in / 2)

    def _ask(self) -> _Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._connection.client_id,
            "client_secret": self._connection.client_secret.reveal(),
            "scope": SCOPE,
        }
        url = f"{self._authority}/{self._connection.tenant_id}/oauth2/v2.0/token"
        try:
            response = self._session.post(url, data=form)
        except (AuthError, BadRequest, AccessDenied, NotFound) as error:
            raise AuthError(
                self._connection.id,
                "the sign-in of the service principal at Entra",
                error.status,
                f"Check tenant_id, client_id and the secret in {self._connection.client_secret_env}: "
                "it may be wrong or expired",
            ) from None
        return decode(self._connection.id, self._connection.client_secret_env, response, _Token)
