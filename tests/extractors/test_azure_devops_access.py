"""Azure DevOps over real HTTP: signing in, throttling, addresses, and errors that say what to do."""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import pytest

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.connection import Secret
from extractors.errors import AuthError, ConfigError, ExtractError
from extractors.http import origin_of
from extractors.limiter import limiter_of
from tests.extractors.azure_devops_server import AzureDevOpsServer, Fault, Organisation
from tests.extractors.azure_devops_site import Site


def test_throttling_with_status_200_is_honoured(site: Site, organisation: Organisation) -> None:
    slow = []

    def delay(_: str, path: str) -> None:
        if "workitemlinks" in path and not slow:
            slow.append(path)
            raise Fault(200, {"values": [], "isLastBatch": True, "continuationToken": "0"}, {"Retry-After": "1"})

    organisation.faults = [delay]
    assert site.run().waited_seconds >= 0.5


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({"token": Secret("canary-wrong")}, AuthError, "ADO_TOKEN"),
        ({"token": Secret("")}, ConfigError, "token_env"),
        ({"token": Secret(""), "tenant_id": "t", "client_id": "c"}, ConfigError, "client_secret_env"),
        ({"fields": {"points": "Custom.Nowhere"}}, ConfigError, "Custom.Nowhere"),
        ({"fields": {"pionts": "System.Id"}}, ConfigError, "pionts"),
        ({"url": "http://dev.example.org/pmo"}, ConfigError, "https"),
    ],
)
def test_settings_that_cannot_work_are_said_in_one_paragraph(
    site: Site, changes: dict[str, Any], kind: type[ExtractError], word: str
) -> None:
    with pytest.raises(kind) as caught:
        site.run(**changes)
    assert word in str(caught.value)
    assert "'ado'" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert site.landing.batches("ado") == []


def test_a_service_principal_signs_in_at_entra(site: Site) -> None:
    principal = {"token": Secret(""), "tenant_id": "tenant", "client_id": "client", "client_secret_env": "ADO_SECRET"}
    site.run(client_secret=Secret("secret"), **principal)
    assert site.asked("/tenant/oauth2/v2.0/token") == 1
    assert set(site.rows("revisions")) == site.expected_revisions()
    with pytest.raises(AuthError) as caught:
        site.run(client_secret=Secret("canary-spent"), **principal)
    assert "ADO_SECRET" in str(caught.value)
    assert "canary" not in str(caught.value)


PRINCIPAL: dict[str, Any] = {
    "token": Secret(""), "tenant_id": "tenant", "client_id": "client", "client_secret": Secret("secret"),
    "client_secret_env": "ADO_SECRET",
}  # fmt: skip


def test_a_token_is_renewed_before_it_ends(site: Site, organisation: Organisation) -> None:
    organisation.bearer_seconds = 0
    site.run(**PRINCIPAL)
    signed_in = site.asked("/oauth2/v2.0/token")
    assert signed_in > 5  # it counts as spent at once, so that nearly every call has to sign in
    organisation.requests.clear()
    organisation.bearer_seconds = 3599
    site.run(**PRINCIPAL)
    assert site.asked("/oauth2/v2.0/token") == 1


@pytest.mark.parametrize("at", ["/workitemtypes", "/workitemlinks", "/teams"])
def test_a_token_that_is_revoked_on_the_way_is_renewed_once(site: Site, organisation: Organisation, at: str) -> None:
    revoked = []

    def revoke(_: str, path: str) -> None:
        if path.endswith(at) and not revoked:
            revoked.append(path)
            organisation.bearers.clear()

    organisation.faults = [revoke]
    assert site.run(**PRINCIPAL).is_complete
    assert len(revoked) == 1
    assert site.asked("/oauth2/v2.0/token") == 2  # many calls at once were refused, one of them signed in again
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_a_token_that_ends_under_all_calls_at_once_holds_nobody_up(site: Site, organisation: Organisation) -> None:
    """Every call that may be under way is refused, and the new token comes from the same host as the data."""
    client = AzureDevOpsClient(site.connection(**PRINCIPAL))
    limiter = limiter_of(origin_of(site.server.url))
    # The token ends once, before anybody is answered: a later end would take the new one, too.
    together = threading.Barrier(limiter.width, organisation.bearers.clear)
    refused: list[str] = []
    answers: list[int] = []
    turn = threading.Lock()

    def end_the_token(_: str, path: str) -> None:
        with turn:
            if not path.endswith("/wit/fields") or len(refused) == together.parties:
                return
            refused.append(path)
        together.wait(20)
        raise Fault(203, "<html>Sign in</html>", {"Content-Type": "text/html"})

    client.fields()
    organisation.faults = [end_the_token]
    readers = [threading.Thread(target=lambda: answers.append(len(client.fields())), daemon=True) for _ in range(30)]
    for reader in readers:
        reader.start()
    ends_at = time.monotonic() + 30
    for reader in readers:
        reader.join(max(0.0, ends_at - time.monotonic()))
    assert len(refused) == together.parties
    assert len(answers) == len(readers)
    assert site.asked("/oauth2/v2.0/token") <= 1 + together.parties


def test_a_principal_that_may_not_come_in_is_an_error_and_no_loop(site: Site, organisation: Organisation) -> None:
    organisation.faults = [lambda *_: organisation.bearers.clear() or _raise_401()]  # type: ignore[func-returns-value]
    with pytest.raises(AuthError):
        site.run(**PRINCIPAL)
    assert site.asked("/oauth2/v2.0/token") <= 4


def _raise_401() -> None:
    raise Fault(401, {"message": "TF400813: not authorized"})


@pytest.mark.parametrize("base", ["/tfs/DefaultCollection", "/Default%20Collection", ""])
def test_a_collection_of_a_server(tmp_path: Path, organisation: Organisation, base: str) -> None:
    organisation.base = unquote(base)
    with AzureDevOpsServer(organisation) as server:
        site = Site(tmp_path, organisation, server)
        site.server.url = f"{server.origin}{base}/"
        assert site.run().is_complete
        assert set(site.rows("revisions")) == site.expected_revisions()
        (description,) = site.rows("pmo/connections").values()
        assert description["name"] == (unquote(base).rpartition("/")[2] or "127")
        asked = [request.split(" ")[1].lower() for request in organisation.requests]
        assert all(path.startswith(base.lower()) for path in asked)


def test_delays_that_a_good_answer_tells_slow_the_next_calls_down(site: Site, organisation: Organisation) -> None:
    """`X-RateLimit-Delay` says how long this call was held back; nothing has to be waited out, but the pace drops."""
    whole = organisation.answer

    def delayed(method: str, path: str, query: dict[str, str], body: Any) -> Any:
        answer = whole(method, path, query, body)
        if path.endswith("/boards"):
            raise Fault(200, answer, {"X-RateLimit-Delay": "1.5", "X-RateLimit-Resource": "VSTS_WIT"})
        return answer

    organisation.answer = delayed  # type: ignore[method-assign]
    limiter = limiter_of(origin_of(site.server.url))
    report = site.run()
    assert report.is_complete
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert limiter.waited_seconds > 0


def test_a_private_authority_is_trusted_only_if_it_is_named(
    tmp_path: Path, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the calls of the `azure-devops` package as well, and whatever the environment says."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = AzureDevOpsServer(organisation)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with server:
        site = Site(tmp_path, organisation, server)
        with pytest.raises(ConfigError, match="ca_bundle"):
            site.run()
        assert site.run(ca_bundle=certificate).is_complete


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key, as files."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    authority = builder.add_extension(names, critical=False).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    (folder / "certificate.pem").write_bytes(
        authority.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder / "certificate.pem", folder / "key.pem"


def test_an_older_server_is_asked_in_its_own_version(site: Site, organisation: Organisation) -> None:
    seen = []

    def old(_: str, path: str) -> None:
        asked = organisation.answering.request
        if "api-version=7.1" in asked and "/wit/" in path:
            text = "The requested REST API version of 7.1 is out of range for this server. "
            raise Fault(400, {"message": text + "The latest REST API version this server supports is 6.0."})
        seen.append(path)

    organisation.faults = [old]
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
