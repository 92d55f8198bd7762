"""Excel: every form of a date is the same day or a reject with its cell; dangerous files are not parsed."""

from __future__ import annotations

import functools
import io
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extractors.surveys.tables import FileRefused
from tests.extractors.survey_drops import read, rows, workbook


@pytest.mark.parametrize("is_1904", [False, True])
def test_excel_dates_are_the_same_day_or_a_reject_with_its_cell(tmp_path: Path, is_1904: bool) -> None:
    reading = read(
        tmp_path, "answers.xlsx", workbook(is_1904=is_1904), date_format="%d.%m.%Y",
        respondent_column=None, scope_column=None, comment_column=None,
    )  # fmt: skip
    landed = [(row["response_id"], row["submitted_at"], row["source_line"]) for row in rows(reading)]
    march = datetime(2026, 3, 1, tzinfo=UTC)
    odd = [] if not is_1904 else [("11", datetime(1904, 3, 1, tzinfo=UTC), 11)]
    assert landed == [("4", march, 4), ("5", march, 5), ("6", march, 6), ("7", march, 7), *odd]
    reasons = {row["source_line"]: row["reason"] for row in reading.rejects}
    assert "formula without a stored value" in reasons[8]
    assert "(cell B8)" in reasons[8]
    assert "Excel error" in reasons[9]
    assert "does not have the form" in reasons[10]
    assert "(cell C12)" in reasons[12]
    assert (11 in reasons) is not is_1904


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@functools.cache
def bombs() -> dict[str, bytes]:
    parts = parts_of(workbook())
    sheet = "xl/worksheets/sheet2.xml"
    entities = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    far = parts[sheet].replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    unfolded = packed({**parts, sheet: parts[sheet] + b" " * (300 * 2**20)})
    liar = bytearray(packed({**parts, "xl/big.bin": bytes(30 * 2**20)}))
    place = liar.rfind(b"xl/big.bin") - 46  # the part's record in the directory
    liar[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    return {
        "unfolds": unfolded,
        "entities": packed({**parts, sheet: entities + parts[sheet].split(b"?>", 1)[1]}),
        "entities in UTF-16": packed({**parts, "xl/sharedStrings.xml": "<!DOCTYPE x []><sst/>".encode("utf-16")}),
        "many parts": packed({**parts, **{f"xl/{number}.xml": b"<a/>" for number in range(10_000)}}),
        "far cell": packed({**parts, sheet: far}),
        "lying size": bytes(liar),
        "outside": packed({**parts, "../../evil.xml": b"<a/>"}),
        "no zip": b"PK\x03\x04 and then nothing",
        "no workbook": packed({"hello.txt": b"hello"}),
    }


@pytest.mark.parametrize("name", bombs())
def test_dangerous_workbooks_are_refused_before_they_are_parsed(tmp_path: Path, name: str) -> None:
    data = bombs()[name]
    tracemalloc.start()
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, "answers.xlsx", data, respondent_column=None, scope_column=None, comment_column=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "answers.xlsx" in str(caught.value)
    assert peak < 64 * 2**20
