"""Faults on the wire, injected by the stand-ins: nothing lost, nothing doubled, an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.extractors.sandbox_site import Sandbox
from tests.faults.comparing import Undisturbed, assert_whole_batches
from tests.faults.sites import Site
from tests.faults.trials import run_and_tell, run_to_end

pytestmark = pytest.mark.slow
SITES = ["jira_cloud", "jira_data_center", "azure_devops"]
DETAILS = "bulkfetch|/rest/api/2/search|reporting/workitemrevisions"  # where records come from, in each tool's words


def questions(sandbox: Sandbox) -> int:
    """How many requests for records the stand-ins got in this test."""
    return sum(re.search(DETAILS, request["path"]) is not None for request in sandbox.requests())


@pytest.fixture(autouse=True)
def healthy(sandbox: Sandbox) -> Iterator[None]:
    sandbox.faults()
    sandbox.forget_requests()
    yield
    sandbox.faults()


@pytest.mark.parametrize("site", SITES, indirect=True)
@pytest.mark.parametrize("kind", ["cut", "429", "429-date", "502", "503"])
def test_what_passes_leaves_no_trace(site: Site, sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """The first answer with records fails; then everything works again."""
    alone = Undisturbed(site, tmp_path / "alone")
    asked = questions(sandbox)
    sandbox.faults({"match": DETAILS, "kind": kind, "times": 1})
    home = tmp_path / "troubled"
    run_to_end(site, home)
    assert questions(sandbox) == 2 * asked + 1  # the one that failed was asked again
    assert_whole_batches(site, home)
    alone.assert_equals(site, home)


@pytest.mark.parametrize("site", SITES, indirect=True)
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("401", ["401", "token"]),
        ("html200", ["sign-in page"]),
        ("redirect", ["redirects to"]),
    ],
)
def test_what_stays_is_told_and_the_next_run_is_whole(
    site: Site, sandbox: Sandbox, tmp_path: Path, kind: str, words: list[str]
) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    sandbox.faults({"match": DETAILS, "kind": kind, "times": None})
    home = tmp_path / "troubled"
    told = run_and_tell(site, home)
    assert told.startswith(f"Connection '{site.connection_id}'")
    assert all(word in told for word in words), told
    assert "\n" not in told
    assert "Traceback" not in told
    assert "any-token-of-the-tests" not in told
    if (home / "raw").exists():
        assert_whole_batches(site, home)
    sandbox.faults()
    run_to_end(site, home)
    alone.assert_equals(site, home)
