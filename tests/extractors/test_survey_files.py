"""Survey files are read exactly as declared: dialects, line numbers, dates, and the tricks that are refused."""

from __future__ import annotations

import dataclasses
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extractors.connection import Secret, SurveyQuestion
from extractors.errors import ConfigError, ExtractError, NotFound
from extractors.surveys.client import find_drops
from extractors.surveys.reading import FileReading
from extractors.surveys.records import make_plan
from extractors.surveys.tables import FileRefused, column_letters
from extractors.surveys.xlsx_guard import position_of
from tests.extractors.survey_drops import NPS, TEXT, connection, only_drop, read, rows, workbook


def answers(reading: FileReading) -> list[tuple[Any, ...]]:
    columns = ["response_id", "submitted_at", "respondent_key", "score", "scope_name", "has_comment"]
    return [tuple(row[column] for column in columns) for row in rows(reading)]


def with_delimiter(mark: str) -> str:
    """TEXT with another delimiter; the commas inside quotation marks stay."""
    return TEXT.replace(",", mark).replace(f"comma{mark}", "comma,")


VARIANTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (TEXT.encode(), {}),
    "byte order mark": (TEXT.encode("utf-8-sig"), {}),
    "crlf": (TEXT.replace("\n", "\r\n").encode(), {}),
    "lone cr": (TEXT.replace("\n", "\r").encode(), {}),
    "semicolon": (with_delimiter(";").encode(), {"delimiter": ";"}),
    "tab": (with_delimiter("\t").encode(), {"delimiter": "\t"}),
    "bar": (with_delimiter("|").encode(), {"delimiter": "|"}),
    "decimal comma": (with_delimiter(";").replace("9.5", "9,5").encode(), {"delimiter": ";", "decimal": ","}),
    "cp1252": (TEXT.encode("cp1252"), {"encoding": "cp1252"}),
    "utf-16": (TEXT.encode("utf-16"), {"encoding": "utf-16"}),
    "utf-16-be with mark": (b"\xfe\xff" + TEXT.encode("utf-16-be"), {"encoding": "utf-16"}),
    "all quoted": (
        "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(","))
            for line in TEXT.replace('"two\nlines"', "two").replace('"semi; comma, tab\t"', "semi").split("\n")
            if line
        ).encode(),
        {},
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_declared_dialect_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    data, dialect = VARIANTS[name]
    reading = read(tmp_path, "answers.csv", data, **dialect)
    assert answers(reading) == answers(read(tmp_path / "plain", "answers.csv", TEXT))
    assert [row["score"] for row in rows(reading)] == [9.5, None, 7, 10]
    assert reading.rejects == []
    assert (reading.facts.lines, reading.facts.answers, reading.facts.blank) == (4, 4, 1)


@pytest.mark.parametrize(
    ("data", "dialect", "words"),
    [
        (with_delimiter(";"), {}, ['delimiter = ";"', "answers.csv", "one single column"]),
        (with_delimiter("\t"), {}, ['delimiter = "\\t"']),
        (TEXT.encode("cp1252"), {}, ["line 2", "0xE9", "cp1252"]),
        (TEXT.encode("utf-16"), {}, ['encoding = "utf-16"']),
        (TEXT.encode("utf-16-le"), {}, ['encoding = "utf-16"']),
        (TEXT.encode("utf-8-sig"), {"encoding": "cp1252"}, ['encoding = "utf-8"']),
        (TEXT, {"encoding": "klingon"}, ["klingon", "utf-8"]),
        (TEXT, {"encoding": "rot13"}, ["rot13"]),
        (TEXT, {"delimiter": ";;"}, ["delimiter"]),
        (TEXT, {"decimal": "'"}, ["decimal"]),
        (TEXT.replace("score", "Scores"), {}, ["'score'", "Did you mean 'Scores'", "'when'"]),
        (TEXT.replace("comment\n", "score\n", 1), {"comment_column": None}, ["more than once"]),
        ("", {}, ["empty"]),
        (TEXT + 'r5,2026-03-05,,8,x,"never closed\nr6,2026-03-06,,8,x,y\n', {}, ["line 7", "never closed"]),
    ],
)
def test_a_wrong_declaration_is_one_clear_error(
    tmp_path: Path, data: bytes | str, dialect: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ExtractError) as caught:
        read(tmp_path, "answers.csv", data, **dialect)
    assert [word for word in ["'nps'", *words] if word not in str(caught.value)] == []


def test_line_numbers_are_those_of_an_editor_and_bad_lines_are_rejects(tmp_path: Path) -> None:
    lines = TEXT + (
        "r5,2026-03-05,,eleven,x,\n"  # 7
        "r6,2026-03-06,,11,x,\n"
        "r7,03/07/2026,,8,x,\n"
        "r8,2026-02-30,,8,x,\n"
        "r9,2026-03-09,,8\n"
        "r10,2026-03-10,,8,x,y,z\n"  # 12
        'r11,2026-03-11,,8,x,"a"b\n'
        ",2026-03-12,,8,x,\n"
        ",,,,,\n"
        "\n"
        "r12,,,8,x,\n"  # 17
        "r13,2026-03-13,,NaN,x,\n"
        "r14,2026-03-14,,9,5,x,\n"  # 19: a decimal comma shifts the line
        "r15,2026-03-15,,8,x,\n"
    )
    reading = read(tmp_path, "answers.csv", lines)
    rejects = {row["source_line"]: (row["column"], row["value"], row["reason"]) for row in reading.rejects}
    assert rejects == {
        7: ("score", "eleven", "is not a number"),
        8: ("score", "11", "is outside the scale 0 to 10"),
        9: ("when", "03/07/2026", "is not an ISO 8601 date such as 2026-03-31; declare its form with date_format"),
        10: ("when", "2026-02-30", "is no day of the calendar"),
        11: ("", "", "the line has 4 cells, the header 6"),
        12: ("", "", "the line has 7 cells, the header 6"),
        13: ("", "", "text follows a closing quotation mark (',' expected after '\"')"),
        14: ("id", "", "is blank; every answer needs its id"),
        17: ("when", "", "is blank, and the connection gives no survey_date"),
        18: ("score", "NaN", "is not a number"),
        19: ("", "", "the line has 7 cells, the header 6"),
    }
    assert [row["source_line"] for row in rows(reading)] == [2, 4, 5, 6, 20]
    assert reading.facts.lines == 16
    assert reading.facts.answers == len(rows(reading)) + reading.facts.rejected


def test_one_bad_answer_does_not_take_the_lines_other_answers_with_it(tmp_path: Path) -> None:
    questions = (NPS, SurveyQuestion(metric="csat", score_column="csat", scale_min=1, scale_max=5))
    text = "id,when,score,csat\na,2026-03-01,9,6\nb,2026-03-01,x,y\nc,2026-03-01,,4\n"
    reading = read(
        tmp_path, "a.csv", text, questions=questions, respondent_column=None, scope_column=None, comment_column=None
    )
    assert [(row["record_id"], row["score"]) for row in rows(reading)] == [
        ("customer:a:score", 9.0),
        ("customer:c:score", None),
        ("customer:c:csat", 4.0),
    ]
    assert [(row["source_line"], row["column"], row["value"]) for row in reading.rejects] == [
        (2, "csat", "6"),
        (3, "score; csat", "x; y"),
    ]


def test_dates_with_day_and_month_exchanged_refuse_the_file_with_line_numbers(tmp_path: Path) -> None:
    text = "id,when,who,score,team,comment\n" + "".join(
        f"r{number},{day},,9,x,\n"
        for number, day in enumerate(["25/04/2026", "03/04/2026", "04/25/2026", "12/31/2026"])
    )
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, "answers.csv", text, date_format="%d/%m/%Y")
    assert "lines 4, 5 fit %d/%m/%Y only with day and month exchanged" in str(caught.value)


def test_dates_are_local_to_the_connection_and_stored_in_utc(tmp_path: Path) -> None:
    text = (
        "id,when,who,score,team,comment\n"
        "a,2026-03-29,,1,x,\nb,2026-03-29 12:00,,1,x,\nc,2026-03-29T12:00:00Z,,1,x,\n"
        "d,2026-01-01T00:30:00+05:30,,1,x,\n"
    )
    reading = read(tmp_path, "answers.csv", text, time_zone="Europe/Berlin")
    assert [row["submitted_at"] for row in rows(reading)] == [
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 10, tzinfo=UTC),
        datetime(2026, 3, 29, 12, tzinfo=UTC),
        datetime(2025, 12, 31, 19, tzinfo=UTC),
    ]


def test_no_address_and_no_comment_is_landed(tmp_path: Path) -> None:
    reading = read(tmp_path, "answers.csv", TEXT + "who@example.org,2026-03-05,x,8,t,c\nz,x@example.org,,8,t,c\n")
    stored = str(rows(reading)) + str(reading.rejects)
    assert "example.org" not in stored
    assert "two\nlines" not in stored
    ann, again = (rows(reading)[index]["respondent_key"] for index in (0, 2))
    assert ann == again  # letter case and blanks do not make another person
    other = read(tmp_path, "answers.csv", TEXT, pseudonym_key=Secret("another"))
    assert rows(other)[0]["respondent_key"] != ann
    allowed = read(tmp_path, "answers.csv", TEXT, include_comments=True)
    assert [row["comment"] for row in rows(allowed)] == ["two\nlines", "NA", None, "semi; comma, tab"]


# --- Parquet, names and links ----------------------------------------------------------------------


def test_parquet_reads_the_declared_columns(tmp_path: Path) -> None:
    table = pa.table(
        {"id": ["a", "b"], "when": [datetime(2026, 3, 1, tzinfo=UTC), None], "score": [9, None], "secret": ["x", "y"]}
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    reading = read(
        tmp_path, "a.parquet", buffer.getvalue(), survey_date="2026-03-31",
        respondent_column=None, scope_column=None, comment_column=None,
    )  # fmt: skip
    assert [(row["response_id"], row["score"], row["submitted_at"].day) for row in rows(reading)] == [
        ("a", 9.0, 1),
        ("b", None, 31),
    ]


@pytest.mark.skipif(os.name != "posix", reason="links and reserved names of POSIX systems")
def test_links_devices_and_odd_names_are_refused(tmp_path: Path) -> None:
    outside, inbox = tmp_path / "outside", tmp_path / "inbox"
    outside.mkdir()
    inbox.mkdir()
    (outside / "secret.csv").write_text(TEXT)

    def refuse(pattern: str, kind: type[ExtractError]) -> None:
        with pytest.raises(kind):
            only_drop(connection(inbox, pattern))

    refuse("*.csv", NotFound)
    refuse("*/../../outside/*.csv", ConfigError)
    refuse("a\0b*.csv", ConfigError)
    refuse("x" * 300 + "*.csv", ConfigError)
    refuse("x" * 300 + "*/a.csv", ConfigError)
    for name, make in {
        "link.csv": lambda path: path.symlink_to(outside / "secret.csv"),
        "dangling.csv": lambda path: path.symlink_to(outside / "nothing.csv"),
        "pipe.csv": os.mkfifo,
        "CON.csv": lambda path: path.write_text(TEXT),
        "tab\t.csv": lambda path: path.write_text(TEXT),
        "n" * 230 + ".csv": lambda path: path.write_text(TEXT),
        "macro.exe": lambda path: path.write_text(TEXT),
    }.items():
        make(inbox / name)
        refuse("*", FileRefused)
        (inbox / name).unlink()
    (inbox / "folder").symlink_to(outside)
    refuse("*/*.csv", FileRefused)
    (inbox / "folder").unlink()
    (inbox / "real.csv").write_text(TEXT)
    (inbox / "~$real.csv").write_text("lock")
    assert [drop.name for drop in find_drops(connection(inbox, "../inbox/*.csv")).drops] == ["real.csv"]


def test_names_with_brackets_mean_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "drop [2026]"
    folder.mkdir()
    (folder / "nps [1].csv").write_text(TEXT)
    (folder / "nps 1.csv").write_text(TEXT)
    assert [drop.name for drop in find_drops(connection(folder, "nps [1].csv")).drops] == ["nps [1].csv"]
    assert [drop.name for drop in find_drops(connection(folder, "nps [0-9].csv")).drops] == ["nps 1.csv"]


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    for name, data in {"a.csv": workbook(), "a.xlsx": TEXT.encode(), "a.parquet": TEXT.encode()}.items():
        with pytest.raises(FileRefused):
            read(tmp_path / name, name, data)


def test_what_a_connection_lacks_is_said_before_any_file_is_read(tmp_path: Path) -> None:
    for changes, word in (
        ({"questions": ()}, "score_column"),
        ({"submitted_at_column": None}, "survey_date"),
        ({"pseudonym_key": Secret("")}, "PMO_PSEUDONYM_KEY"),
        ({"survey_date": "31.03.2026"}, "survey_date"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
    ):
        with pytest.raises(ConfigError, match=word):
            make_plan(dataclasses.replace(connection(tmp_path), **changes))


def test_column_letters_and_positions_are_inverse() -> None:
    assert [column_letters(number) for number in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert all(position_of(column_letters(number)) == number for number in range(0, 16384, 7))
