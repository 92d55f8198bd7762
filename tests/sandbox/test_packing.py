"""Packed documents come back as they were, whatever they hold, and whatever the dictionary."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.packing import Packing, dictionary_of
from sandbox.rendering import ensure, store_path
from sandbox.store import Store

JSON_LIKE = st.binary().map(lambda rest: b"{" + rest)


@given(JSON_LIKE, st.lists(st.binary(max_size=5000), max_size=12))
def test_packed_and_unpacked(document: bytes, samples: list[bytes]) -> None:
    packing = Packing(dictionary_of(samples))
    assert packing.unpack(packing.pack(document)) == document
    assert packing.unpack(document) == document  # what lies there unpacked stays as it is


def test_documents_are_a_fraction_of_their_size(tmp_path: Path) -> None:
    ensure(tmp_path, 3, 300)
    with Organisation(tmp_path) as organised:
        live = {tool: sum(item.is_live for item in organised.items(tool)) for tool in Tool}
    jira = Store.jira(store_path(tmp_path, Tool.JIRA_DC))
    azure = Store.azure_devops(store_path(tmp_path, Tool.AZURE_DEVOPS))
    try:
        size, shown = jira.rows(
            "select (select sum(length(doc) + length(histories)) from packed_documents), "
            "(select sum(length(doc) + length(histories)) from documents)"
        )[0]
        assert jira.value("select count(*) from documents") == live[Tool.JIRA_DC]
        assert size < shown / 4
        size, shown = azure.rows(
            "select (select sum(length(doc)) from packed_revisions), (select sum(length(doc)) from revisions)"
        )[0]
        assert size < shown / 4
    finally:
        jira.close()
        azure.close()


def test_documents_can_be_written_as_they_are(tmp_path: Path) -> None:
    """Through the view, beside packed ones."""
    store = Store.jira(tmp_path / "site.sqlite")
    try:
        store.db.execute("insert into documents values (7, ?, ?, 1)", (b'{"id":"7"}', b"0000000000001 {}"))
        store.db.execute("update documents set doc = ? where id = 7", (b'{"id":"8"}',))
        assert store.rows("select doc, histories, history_count from documents") == [
            (b'{"id":"8"}', b"0000000000001 {}", 1)
        ]
        store.db.execute("delete from documents where id = 7")
        assert store.value("select count(*) from packed_documents") == 0
    finally:
        store.close()
