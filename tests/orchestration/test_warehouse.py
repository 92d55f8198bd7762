"""A warehouse that is not what the last build left is noticed, whatever happened to it (DuckDB itself does not)."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from orchestration.paths import Home
from orchestration.warehouse import doubt, forget, seal, unseal

PLACES = 20


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home.of({"PMO_HOME": str(tmp_path)})
    with duckdb.connect(str(found.warehouse)) as session:
        session.execute("create table numbers as select range as n, md5(range::text) as text from range(20000)")
    seal(found)
    return found


def test_what_dbt_left_is_trusted(home: Home) -> None:
    assert doubt(home) is None
    with duckdb.connect(str(home.warehouse), read_only=True) as session:
        assert session.execute("select count(*) from numbers").fetchall() == [(20000,)]
    assert doubt(home) is None


@pytest.mark.parametrize("place", range(PLACES))
def test_a_flipped_bit_is_noticed(home: Home, place: int) -> None:
    content = bytearray(home.warehouse.read_bytes())
    dice = random.Random(place)  # noqa: S311
    content[place * (len(content) - 1) // (PLACES - 1)] ^= 1 << dice.randrange(8)
    home.warehouse.write_bytes(content)
    assert doubt(home) == "its content is not what the last build left"


@pytest.mark.parametrize("place", range(PLACES))
def test_a_cut_file_is_noticed(home: Home, place: int) -> None:
    content = home.warehouse.read_bytes()
    home.warehouse.write_bytes(content[: place * len(content) // PLACES])
    assert "bytes where the last build left" in str(doubt(home))


def test_a_log_and_a_killed_build_are_noticed(home: Home) -> None:
    home.warehouse.with_name("warehouse.duckdb.wal").write_bytes(b"torn")
    assert doubt(home) == "somebody wrote to it after the last build"
    unseal(home)
    assert doubt(home) == "the last build did not come to its end"
    seal(home)  # beside a log nothing can be said
    assert doubt(home) == "the last build did not come to its end"


def test_a_broken_seal_is_no_seal(home: Home) -> None:
    home.warehouse.with_name("warehouse.duckdb.seal").write_bytes(b"{")
    assert "cannot be read" in str(doubt(home))


def test_a_warehouse_that_is_forgotten_is_in_no_doubt(home: Home) -> None:
    forget(home)
    assert list(home.root.iterdir()) == []
    assert doubt(home) is None
