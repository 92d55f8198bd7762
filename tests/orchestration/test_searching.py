"""The last look of `pmo erase` finds a person in every kind of file, also where values are compressed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extractors.landing import Landing, Run
from orchestration import searching
from orchestration.commands.erase import erase_person
from orchestration.errors import PmoError
from orchestration.searching import files_with

MAIL = "Vera.Loewenherz@customers.example"
TEXTS = frozenset({MAIL})


def rows() -> list[dict[str, object]]:
    """Two thousand rows, the person in the midst of one of them."""
    return [{"n": n, "text": f"call {MAIL if n == 1234 else 'nobody'} back, {n % 7}"} for n in range(2_000)]


def parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows()), path, compression="zstd")


def nested(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"x": [{"y": ["other" * 50, str(row["text"]) * 9]}]} for row in rows()]), path)


def warehouse(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.register("given", pa.Table.from_pylist(rows()))
        connection.execute('create schema "odd ""name"; create table "odd ""name".t as from given order by random()')


WRITERS = {"a.parquet": parquet, "nested.parquet": nested, "w.duckdb": warehouse}


@pytest.mark.parametrize("name", WRITERS)
def test_the_person_is_found_in_packed_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / "raw" / name
    path.parent.mkdir()
    WRITERS[name](path)
    assert list(files_with(tmp_path, TEXTS)) == [path]
    assert list(files_with(tmp_path, {"nobody.else@customers.example"})) == []


def test_the_person_is_found_in_a_tableau_file(tmp_path: Path) -> None:
    from tableauhyperapi import Connection, CreateMode, HyperProcess, Telemetry

    path = tmp_path / "marts.hyper"
    with (
        HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}) as process,
        Connection(process.endpoint, path, CreateMode.CREATE_AND_REPLACE) as hyper,
    ):
        hyper.execute_command('create schema "marts"')
        hyper.execute_command('create table "marts"."t" (n int, t text)')
        values = ", ".join(f"({row['n']}, '{row['text']}')" for row in rows())
        hyper.execute_command(f'insert into "marts"."t" values {values}')
    assert list(files_with(tmp_path, TEXTS)) == [path]
    assert list(files_with(tmp_path, {"nobody.else@customers.example"})) == []


def test_a_text_on_the_border_of_two_blocks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BLOCK", 64)
    for place in range(20, 70):
        (tmp_path / "a.log").write_text("." * place + MAIL.upper() + "." * 100)
        assert list(files_with(tmp_path, TEXTS)) == [tmp_path / "a.log"], place


def test_a_packed_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.duckdb", "a.hyper"):
        (tmp_path / name).write_bytes(b"torn")
    assert len(list(files_with(tmp_path, TEXTS))) == 3


def test_what_stands_for_the_tools_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "a.log").write_text(MAIL)
    assert list(files_with(tmp_path, TEXTS)) == []


def test_erase_fails_by_name_where_a_table_keeps_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is not the product's: somebody's own extract."""
    monkeypatch.setenv("PMO_HOME", str(tmp_path))
    landing = Landing(tmp_path)
    batch = landing.batch(Run("r", datetime.now(UTC)), "a", "jira")
    row = {"record_id": "u1", "user_id": "u1", "display_name": "Vera Loewenherz", "email": MAIL, "payload": "{}"}
    batch.append("jira/users", [row])
    batch.commit({}, is_final=True)
    landing.judge("a", "accepted")
    parquet(tmp_path / "extract.parquet")
    with pytest.raises(PmoError, match="say it again with --yes"):
        erase_person(MAIL, None, is_sure=False)
    with pytest.raises(PmoError, match="--even-if-unknown"):
        erase_person("vera@customers.example", None, is_sure=True)
    assert erase_person(MAIL, None, is_sure=True) == 1
    assert "extract.parquet" in capsys.readouterr().err
    (tmp_path / "extract.parquet").unlink()
    assert erase_person(MAIL, None, is_sure=True) == 0
