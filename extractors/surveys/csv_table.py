"""CSV with a declared dialect -> `Table`. Line numbers are those of a text editor, whatever is quoted."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from extractors.connection import SurveyFileConnection
from extractors.errors import ConfigError
from extractors.surveys.tables import WHOLE_LINE, FileRefused, Row, Table

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}


def open_csv(connection: SurveyFileConnection, name: str, data: bytes) -> Table:
    """The header is read at once, the rows when they are asked for."""
    _check_dialect(connection, name)
    _check_signature(connection, name, data)
    records = _records(connection, name, data)
    header_row = next((row for row in records if any(str(cell).strip() for cell in row.cells)), None)
    if header_row is None:
        raise FileRefused(connection.id, f"file {name}", remedy="Remove it, or export it again.", detail="It is empty.")
    header = tuple(str(cell).strip() for cell in header_row.cells)
    _check_delimiter(connection, name, header)

    def rows() -> Iterator[Row]:
        for row in _records(connection, name, data):
            if row.line > header_row.line and (row.cells or row.trouble):
                yield row

    return Table(name=name, header=header, header_line=header_row.line, rows=rows)


def other_delimiter(header: tuple[str, ...], delimiter: str) -> str | None:
    """The delimiter that the header seems to have been written with, if not the declared one."""
    candidates = [mark for mark in DELIMITERS if mark != delimiter]
    best = max(candidates, key=lambda mark: sum(cell.count(mark) for cell in header))
    return best if any(best in cell for cell in header) else None


def _records(connection: SurveyFileConnection, name: str, data: bytes) -> Iterator[Row]:
    encoding = "utf-8-sig" if _is_utf_8(connection.encoding) else connection.encoding
    text = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, errors="strict", newline="")
    reader = csv.reader(text, delimiter=connection.delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            raise _undecodable(connection, name, data, encoding, error) from None
        except csv.Error as error:
            if "expected after" not in str(error):
                # An open quotation mark swallows the rest of the file: no later line can be trusted.
                raise FileRefused(
                    connection.id,
                    f"file {name}, line {line}",
                    remedy="Close the quotation mark in the file or export it again.",
                    detail="A quotation mark is opened and never closed, so the lines after it cannot be told apart.",
                ) from None
            yield Row(line, (), {WHOLE_LINE: f"text follows a closing quotation mark ({error})"})
        else:
            yield Row(line, cells)


def _check_dialect(connection: SurveyFileConnection, name: str) -> None:
    if len(connection.delimiter) != 1 or connection.delimiter in '"\r\n':
        raise ConfigError(
            connection.id,
            f"file {name}, delimiter {connection.delimiter!r}",
            remedy='Set delimiter to one character, for example ";" or "\\t".',
        )
    if connection.decimal not in {".", ","}:
        raise ConfigError(connection.id, f"decimal {connection.decimal!r}", remedy='Set decimal to "." or ",".')
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=connection.encoding)
    except (LookupError, TypeError):
        raise ConfigError(
            connection.id,
            f"encoding {connection.encoding!r}",
            remedy='Set encoding to one that Python knows, for example "utf-8", "cp1252" or "utf-16".',
        ) from None


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}


def _check_signature(connection: SurveyFileConnection, name: str, data: bytes) -> None:
    """The first bytes may say that the file is something else than declared."""
    declared = codecs.lookup(connection.encoding).name
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not declared.startswith(("utf-16", "utf-32")):
        raise _wrong_encoding(connection, name, "It begins with the mark of UTF-16", "utf-16")
    if data.startswith(codecs.BOM_UTF8) and not _is_utf_8(declared):
        raise _wrong_encoding(connection, name, "It begins with the mark of UTF-8", "utf-8")
    if b"\0" in data[:4096] and not declared.startswith(("utf-16", "utf-32")):
        raise _wrong_encoding(connection, name, "It holds NUL bytes, as UTF-16 does", "utf-16")


def _wrong_encoding(connection: SurveyFileConnection, name: str, detail: str, better: str) -> ConfigError:
    return ConfigError(
        connection.id,
        f"file {name}, encoding {connection.encoding}",
        remedy=f'Set encoding = "{better}".',
        detail=f"{detail}, but {connection.encoding} is declared.",
    )


def _undecodable(
    connection: SurveyFileConnection, name: str, data: bytes, encoding: str, error: UnicodeDecodeError
) -> ConfigError:
    """The decoder works in chunks, so the place in the file has to be found again."""
    position, line = 0, 1
    try:
        data.decode(encoding)
    except UnicodeDecodeError as whole:
        position = whole.start
        line = data[:position].decode(encoding, errors="ignore").count("\n") + 1
    byte = data[position : position + 1].hex().upper()
    return ConfigError(
        connection.id,
        f"file {name}, line {line}",
        remedy='Declare the encoding that the file has, for example encoding = "cp1252".',
        detail=f"Byte 0x{byte} at position {position} is not {connection.encoding} ({error.reason}).",
    )


def _check_delimiter(connection: SurveyFileConnection, name: str, header: tuple[str, ...]) -> None:
    """A file read with the wrong delimiter has one column and no error; so say it."""
    other = other_delimiter(header, connection.delimiter) if len(header) == 1 else None
    if other is not None:
        raise ConfigError(
            connection.id,
            f"file {name}, delimiter {connection.delimiter!r}",
            remedy=f"Set delimiter = {_toml(other)}.",
            detail=f"With the declared delimiter the header is one single column; it holds {DELIMITERS[other]}.",
        )


def _toml(delimiter: str) -> str:
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'
