"""The HTTP layer against a server that misbehaves: nothing lost, nothing asked twice too early, errors that help."""

from __future__ import annotations

import gzip
import logging
import pickle
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
import requests

from extractors import limiter as limiters
from extractors.access import origin_of
from extractors.connection import Secret
from extractors.errors import (
    AccessDenied,
    AuthError,
    BadRequest,
    ConfigError,
    ExtractError,
    Gone,
    NotFound,
    NotJson,
    RateLimited,
    SchemaChanged,
    Truncated,
    Unreachable,
)
from extractors.http import Access, RetryPolicy, check_url, mount
from extractors.limiter import HostLimiter, endpoint_of, limiter_of, retry_after
from extractors.session import BasicAuth, BearerAuth, SourceClient
from tests.extractors.fault_server import FaultServer, Reply, Script, Seen, serving

TOKEN = "canary-token-7f3a"
QUICK = RetryPolicy(attempts=4, first_attempts=2, total_seconds=20, wait_initial=0.01, wait_max=0.05)


@pytest.fixture(autouse=True)
def _fresh_limiters() -> Iterator[None]:
    limiters._limiters.clear()
    yield
    limiters._limiters.clear()


def client(server: FaultServer, policy: RetryPolicy = QUICK, *, basic: bool = False) -> SourceClient:
    access = Access(connection="site-a", origins=(server.url,), token_env="SITE_TOKEN", retry=policy)
    auth = BasicAuth("me@example.com", Secret(TOKEN)) if basic else BearerAuth(Secret(TOKEN))
    return SourceClient(access, server.url, auth)


def script_of(*replies: Reply) -> Script:
    """One reply after the other; the last one for ever."""
    return lambda seen, number: replies[min(number, len(replies) - 1)]  # noqa: ARG005


class Thing(msgspec.Struct):
    ok: bool


def test_a_good_answer_is_typed_and_knows_when_it_was_asked_for() -> None:
    with serving(script_of(Reply())) as server:
        before = datetime.now(UTC)
        answer = client(server).get("/rest/thing", Thing, {"a": ["x", "y"]})
        assert answer.value == Thing(ok=True)
        assert before <= answer.sent_at <= datetime.now(UTC)
        assert server.seen[0].path == "/rest/thing?a=x&a=y"
        assert server.seen[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_compressed_answers_are_read() -> None:
    reply = Reply(body=gzip.compress(b'{"ok": true}'), headers={"Content-Encoding": "gzip"})
    with serving(script_of(reply)) as server:
        assert client(server).get("/x", Thing).value.ok


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("method", ["get", "post"])
def test_server_errors_are_tried_again(status: int, method: str) -> None:
    with serving(script_of(Reply(status), Reply(status), Reply())) as server:
        one = client(server)
        if method == "get":
            assert one.get("/rest/api/3/search/jql", Thing).value.ok
        else:
            assert one.post("/rest/api/3/search/jql", Thing, {"jql": "x"}).value.ok
        assert len(server.seen) == 3
        assert len({seen.body for seen in server.seen}) == 1


def test_a_lasting_server_error_ends_red_after_a_bounded_number_of_attempts() -> None:
    with serving(script_of(Reply(), Reply(502))) as server:
        one = client(server)
        one.get("/x", Thing)
        with pytest.raises(Unreachable, match=r"site-a.*/x on 127.0.0.1.*HTTP 502") as caught:
            one.get("/x", Thing)
        assert caught.value.is_transient
        assert len(server.seen) == 1 + QUICK.attempts


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut_at", [0, 1, 6, 11])
def test_a_cut_answer_is_read_again_as_a_whole(cut_at: int, chunked: bool) -> None:
    cut = Reply(cut_at=cut_at, is_chunked=chunked)
    with serving(script_of(cut, cut, Reply())) as server:
        assert client(server).get("/x", Thing).value.ok
        assert len(server.seen) == 3


def test_an_answer_that_is_cut_every_time_is_an_error_and_not_half_the_data() -> None:
    with serving(script_of(Reply(cut_at=5))) as server, pytest.raises(Truncated, match="cut in the middle"):
        client(server).get("/x", Thing)


def test_json_that_ends_in_the_middle_without_a_length_is_noticed() -> None:
    half = Reply(body=b'{"ok": tr')
    with serving(script_of(half, Reply())) as server:
        assert client(server).get("/x", Thing).value.ok


def _retry_after_forms() -> dict[str, dict[str, str]]:
    now = datetime.now(UTC)
    later = now + timedelta(seconds=2)
    return {
        "seconds": {"Retry-After": "1"},
        "zero": {"Retry-After": "0"},
        "date": {"Retry-After": format_datetime(later, usegmt=True)},
        "reset-epoch": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(later.timestamp()))},
        "reset-iso": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": later.isoformat(timespec="seconds")},
        "burst": {"Retry-After": "1", "RateLimit-Reason": "jira-burst-based"},
        "none": {},
    }


@pytest.mark.parametrize("form", ["seconds", "zero", "date", "reset-epoch", "reset-iso", "burst", "none"])
def test_429_is_waited_out_by_all_workers_together(form: str) -> None:
    waits: list[float | None] = []

    def refuse_the_first(_: Seen, number: int) -> Reply:
        if number:
            return Reply()
        headers = _retry_after_forms()[form]  # some name an instant
        waits.append(retry_after(headers))
        return Reply(429, headers=headers)

    with serving(refuse_the_first) as server:
        one = client(server)
        one.get("/warm-up", Thing) if form == "none" else None
        results: list[bool] = []
        threads = [
            threading.Thread(target=lambda: results.append(one.get("/rest/thing", Thing).value.ok)) for _ in range(8)
        ]
        threads[0].start()
        ends_at = time.monotonic() + 30
        while not limiter_of(origin_of(server.url)).throttled_count and time.monotonic() < ends_at:
            time.sleep(0.01)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 8
        refused = server.seen[0].at
        assert all(seen.at >= refused + (waits[0] or 0) - 0.05 for seen in server.seen[1:])
        assert len(server.seen) == (10 if form == "none" else 9)


def test_a_wait_longer_than_a_run_may_take_is_told_at_once() -> None:
    with serving(script_of(Reply(429, headers={"Retry-After": "1847"}))) as server:
        started = time.monotonic()
        with pytest.raises(RateLimited, match="1847"):
            client(server).get("/x", Thing)
        assert time.monotonic() - started < 2
        assert len(server.seen) == 1


def test_endless_refusals_without_a_time_end() -> None:
    with serving(script_of(Reply(429))) as server:
        with pytest.raises(RateLimited, match="Too many requests"):
            client(server).get("/x", Thing)
        assert len(server.seen) == QUICK.attempts


def test_a_good_answer_that_asks_to_wait_is_honoured() -> None:
    slow = Reply(headers={"Retry-After": "2", "X-RateLimit-Delay": "0.3"})
    with serving(script_of(slow, Reply())) as server:
        one = client(server)
        one.get("/x", Thing)
        one.get("/x", Thing)
        assert server.seen[1].at - server.seen[0].at >= 2
        assert one.waited_seconds >= 0.9  # from the second call on, which a busy machine makes late


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(200, b"<html>Log in</html>", content_type="text/html"), AuthError, "sign-in page or a proxy"),
        (Reply(203, b"<html>", content_type="text/html"), AuthError, "not valid any more"),
        (Reply(200, b'{"ok": true}', {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}), AuthError, "login failed"),
        (Reply(200, b'{"errorMessages": ["No such user"], "errors": {}}'), AuthError, "No such user"),
        (Reply(302, b"", {"Location": "/login.jsp?os_destination=x"}), AuthError, "redirects to 127.0.0.1/login.jsp"),
        (Reply(302, b"", {"Location": "https://sso.example.com/x"}), AuthError, "redirects to sso.example.com"),
        (Reply(200, b"a,b", content_type="text/csv"), NotJson, "text/csv"),
        (Reply(200, b'{"other": 1}'), SchemaChanged, "missing required field `ok`"),
        (Reply(200, b"{'ok'}"), NotJson, "Broken JSON"),
        (Reply(401, b"<html>", content_type="text/html"), AuthError, "SITE_TOKEN"),
        (Reply(403, b'{"message": "no licence"}'), AccessDenied, "no licence"),
        (Reply(404, b'{"errorMessages": ["No project ABC"], "errors": {}}'), NotFound, "No project ABC"),
        (Reply(410, b'{"errorMessages": ["Please migrate to /x"], "errors": {}}'), Gone, "Please migrate to /x"),
        (Reply(400, b'{"errorMessages": [], "errors": {"jql": "bad"}}'), BadRequest, "bad"),
    ],
)
def test_answers_that_are_no_data_become_errors_that_say_what_to_do(
    reply: Reply, error: type[ExtractError], words: str
) -> None:
    with serving(script_of(reply)) as server:
        with pytest.raises(error) as caught:
            client(server, basic=True).get("/rest/thing", Thing)
        text = str(caught.value)
        assert type(caught.value) is error
        assert words in text
        assert text.startswith("Connection 'site-a':")
        assert "/rest/thing" in text
        assert "\n" not in text
        assert "<html>" not in text
        assert TOKEN not in text
        assert len(server.seen) == 1  # no storm
        assert str(pickle.loads(pickle.dumps(caught.value))) == text  # noqa: S301 - our own


def test_a_redirect_to_another_host_gets_no_request_and_no_token() -> None:
    with serving(script_of(Reply())) as other:
        to_other = Reply(302, b"", {"Location": f"{other.url}/steal"})
        with serving(script_of(to_other)) as server, pytest.raises(AuthError):
            client(server).get("/x", Thing)
        assert other.seen == []


def test_a_redirect_on_the_same_host_is_followed() -> None:
    def script(seen: Seen, number: int) -> Reply:  # noqa: ARG001
        return Reply(302, b"", {"Location": "/jira/x"}) if seen.path == "/x" else Reply()

    with serving(script) as server:
        assert client(server).get("/x", Thing).value.ok


def test_only_the_connections_own_addresses_are_called() -> None:
    with serving(script_of(Reply())) as server, serving(script_of(Reply())) as other:
        session = requests.Session()
        mount(session, Access(connection="site-a", origins=(server.url,)))
        for address in (other.url, "https://169.254.169.254/latest"):
            with pytest.raises(AuthError, match="another host"):
                session.get(f"{address}/x")
        with pytest.raises(ConfigError, match="plain http"):
            session.get("http://169.254.169.254/latest")
        assert other.seen == []


@pytest.mark.parametrize("method", ["put", "delete", "post", "patch"])
def test_nothing_that_could_change_the_source_is_sent(method: str) -> None:
    with serving(script_of(Reply())) as server:
        session = requests.Session()
        mount(session, Access(connection="site-a", origins=(server.url,)))
        with pytest.raises(ConfigError, match="never change"):
            session.request(method, f"{server.url}/rest/api/3/issue")
        assert server.seen == []


def test_nobody_there_is_told_quickly_and_plainly() -> None:
    access = Access(connection="site-a", origins=("http://127.0.0.1:9",), retry=QUICK)
    one = SourceClient(access, "http://127.0.0.1:9", BearerAuth(Secret(TOKEN)))
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"site-a.*127.0.0.1:9.*refused.*Check `url`"):
        one.get("/x", Thing)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://jira.example.com", "Use https"),
        ("jira.example.com", "https://"),
        ("ftp://jira.example.com", "https://"),
        ("https://", "https://"),
        ("https://me:secret@jira.example.com", "token_env"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        check_url("site-a", url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8771", "http://127.0.0.1:1/", "http://[::1]:8771", "https://x.org/j/"]
)
def test_addresses_that_can_be_used(url: str) -> None:
    assert check_url("a", url) == url.rstrip("/")


def test_the_token_is_in_no_log_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [Reply(500), Reply(401, TOKEN.encode(), content_type="text/html")]
    with serving(script_of(*replies)) as server:
        one = client(server, basic=True)
        with pytest.raises(AuthError) as caught:
            one.get("/x", Thing)
        logging.getLogger("urllib3").debug("Authorization: Basic bWVAZXhhbXBsZS5jb206Y2FuYXJ5LXRva2VuLTdmM2E=")
        everything = caplog.text + str(caught.value) + repr(caught.value) + repr(one) + repr(Secret(TOKEN))
        sent = server.seen[0].headers["Authorization"].split()[1]
    logging.getLogger("extractors").warning("a token %s, and %s", TOKEN, sent)
    assert TOKEN not in everything
    assert sent not in everything
    assert TOKEN not in caplog.text
    assert sent not in caplog.text


def test_halves_of_surrogates_and_broken_utf8_are_repaired_and_all_else_stays() -> None:
    body = b'{"ok": "a\\ud83d b\\ud83d\\ude00 \\\\ud83d \xff \xe2\x82\xac"}'
    with serving(script_of(Reply(body=body))) as server:
        text = client(server).get("/x", dict[str, str]).value["ok"]
    assert text == "a\ufffd b\U0001f600 \\ud83d \ufffd €"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def limiter() -> tuple[HostLimiter, Clock]:
    clock = Clock()
    return HostLimiter(clock, clock.sleep), clock


def test_a_quota_stops_the_host_and_a_burst_only_the_endpoint() -> None:
    one, clock = limiter()
    one.learn("GET /a", 429, {"Retry-After": "600", "RateLimit-Reason": "jira-burst-based"})
    assert one.acquire("GET /b", 10)
    assert clock.now < 1001
    assert one.acquire("GET /a", 1000)
    assert clock.now >= 1600
    one.learn("GET /a", 429, {"Retry-After": "600", "RateLimit-Reason": "jira-quota-tenant-based"})
    assert not one.acquire("GET /b", 10)


@pytest.mark.parametrize(
    ("status", "headers", "left"),
    [
        (429, {}, 10),
        (503, {"Retry-After": "0"}, 10),
        (200, {"X-RateLimit-NearLimit": "true"}, 10),
        (200, {"Retry-After": "1"}, 10),
    ],
)
def test_more_calls_at_once_until_the_host_shows_a_limit(status: int, headers: dict[str, str], left: int) -> None:
    one, _ = limiter()
    for _ in range(20):
        one.timed("GET /a", 0.2, is_good=False)
    assert one.width == 10, "answers that are errors make no room"
    for width in [*range(11, 21), 20]:
        one.timed("GET /a", 0.2)
        assert one.width == width
    one.learn("GET /a", status, headers)
    assert one.width == left
    for _ in range(left):
        one.timed("GET /a", 0.2)
    assert one.width <= left + 1, "slowly, after it has shown one"
    for _ in range(300):
        one.timed("GET /a", 0.2)
    assert one.width == 10


def test_the_pace_slows_down_and_recovers() -> None:
    one, clock = limiter()
    for _ in range(5):
        one.learn("GET /a", 429, {"Retry-After": "0"})
    started = clock.now
    for _ in range(10):
        one.acquire("GET /a", 100)
    assert clock.now - started > 5
    for _ in range(200):
        one.learn("GET /a", 200, {})
    one.acquire("GET /a", 100)
    started = clock.now
    for _ in range(10):
        one.acquire("GET /a", 100)
    assert clock.now == started


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:10 GMT"}, 10.0),
        ({"Retry-After": "Sun, 01 Mar 2020 12:00:10 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-03-01T12:00:20Z"}, 20.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1772366430"}, 30.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "60"}, 60.0),
        ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1772366430"}, None),
        ({}, None),
    ],
)
def test_all_ways_to_say_wait(headers: dict[str, str], seconds: float | None) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert retry_after(requests.structures.CaseInsensitiveDict(headers), now) == seconds


def test_calls_of_one_kind_share_a_limit() -> None:
    paths: dict[str, Any] = {
        "/rest/api/3/issue/10001/changelog": "/rest/api/3/issue/*/changelog",
        "/rest/api/3/issue/ABC-12": "/rest/api/3/issue/*",
        "/org/_apis/projects/0a1b2c3d-0000-4000-8000-00000000000a/teams": "/org/_apis/projects/*/teams",
        "/rest/api/3/search/jql": "/rest/api/3/search/jql",
    }
    assert {path: endpoint_of(path) for path in paths} == paths
