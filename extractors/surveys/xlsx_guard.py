"""Judge an Excel file before anything parses it, and find the cells that lie.

An .xlsx is a zip of XML: a file of 289 KB can unfold to gigabytes, an entity can repeat itself, and a
single cell in the last corner makes a reader allocate the whole grid. All of that is measured here in
bounded memory. The same pass finds formulas without a stored value and error cells, which readers
hand out as empty cells.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.sax
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

MAX_ENTRIES = 2_000
MAX_INFLATED_BYTES = 256 * 2**20
MAX_RATIO = 100  # Excel's own sheets stay below 40
RATIO_MATTERS_FROM_BYTES = 8 * 2**20
MAX_GRID_CELLS = 20_000_000
CHUNK = 2**20

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
RELATION_IDS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
FORBIDDEN = tuple(
    word.encode(code) for word in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be")
)
CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
LOCAL_HEADER = struct.Struct("<4s22xHH")


class UnsafeWorkbook(Exception):  # noqa: N818 - says what the file is
    """The workbook will not be parsed; the text says why, in words that go into the error."""


@dataclass
class SheetFacts:
    """What the guard found out. `trouble`: row number -> cell position -> why the cell has no value."""

    is_epoch_1904: bool = False
    trouble: dict[int, dict[int, str]] = field(default_factory=dict)


def inspect_workbook(data: bytes, sheet_index: int = 0) -> SheetFacts:
    """Refuse what is dangerous, else the facts about one sheet (numbered as in the workbook)."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise UnsafeWorkbook(f"it is no .xlsx workbook ({error})") from None
    with archive:
        _check_sizes(archive, len(data))
        for entry in archive.infolist():
            _check_content(data, entry)
        try:
            return _sheet_facts(archive, sheet_index)
        except DefusedXmlException:
            raise UnsafeWorkbook("its XML defines entities, which no spreadsheet needs") from None
        except (KeyError, IndexError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
            raise UnsafeWorkbook(f"its parts do not fit together ({type(error).__name__}: {error})") from None


def _check_sizes(archive: zipfile.ZipFile, compressed: int) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise UnsafeWorkbook(f"it holds {len(entries):,} parts; {MAX_ENTRIES:,} are allowed")
    _check_inflated(sum(entry.file_size for entry in entries), compressed)
    for entry in entries:
        if entry.filename.startswith(("/", "\\")) or ".." in entry.filename.replace("\\", "/").split("/"):
            raise UnsafeWorkbook("a part's name points outside the file")
        if entry.flag_bits & 0x1:
            raise UnsafeWorkbook("it is protected by a password")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UnsafeWorkbook("a part is packed with a method that Excel does not use")


def _check_inflated(inflated: int, compressed: int) -> None:
    if inflated > MAX_INFLATED_BYTES:
        raise UnsafeWorkbook(f"unpacked it has {inflated / 2**20:,.0f} MB; {MAX_INFLATED_BYTES >> 20} MB are allowed")
    if inflated > RATIO_MATTERS_FROM_BYTES and inflated > MAX_RATIO * compressed:
        raise UnsafeWorkbook(f"it unfolds to {inflated / compressed:,.0f} times its size; {MAX_RATIO} are allowed")


def _check_content(data: bytes, entry: zipfile.ZipInfo) -> None:
    """Unpack one part for real, as its declared size may be a lie, and look for entity definitions."""
    unpacked, tail = 0, b""
    overlap = max(len(word) for word in FORBIDDEN) - 1
    for chunk in _inflate(data, entry):
        unpacked += len(chunk)
        if unpacked > entry.file_size:
            raise UnsafeWorkbook("a part is larger than the file's directory says")
        window = tail + chunk
        if any(word in window for word in FORBIDDEN):
            raise UnsafeWorkbook("its XML defines a document type or entities, which no spreadsheet needs")
        tail = window[-overlap:]
    if unpacked != entry.file_size:
        raise UnsafeWorkbook("a part is shorter than the file's directory says; the file is damaged")


def _inflate(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    signature, name_length, extra_length = LOCAL_HEADER.unpack_from(data, entry.header_offset)
    if signature != b"PK\x03\x04":
        raise UnsafeWorkbook("its directory points to a place where no part begins")
    start = entry.header_offset + LOCAL_HEADER.size + name_length + extra_length
    packed = memoryview(data)[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        yield bytes(packed)
        return
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    pending: bytes | memoryview = packed
    try:
        while not decoder.eof:
            chunk = decoder.decompress(pending, CHUNK)
            if not chunk and not decoder.unconsumed_tail:
                break
            yield chunk
            pending = decoder.unconsumed_tail
    except zlib.error as error:
        raise UnsafeWorkbook(f"a part cannot be unpacked ({error})") from None


def _sheet_facts(archive: zipfile.ZipFile, sheet_index: int) -> SheetFacts:
    workbook = fromstring(archive.read("xl/workbook.xml"), forbid_dtd=True)
    main = STRICT if workbook.tag.startswith(STRICT) else MAIN
    properties = workbook.find(f"{main}workbookPr")
    is_epoch_1904 = properties is not None and properties.get("date1904", "0") in {"1", "true"}
    sheet = workbook.findall(f"{main}sheets/{main}sheet")[sheet_index]
    relation_id = next(value for key in RELATION_IDS if (value := sheet.get(key)))
    relations = fromstring(archive.read("xl/_rels/workbook.xml.rels"), forbid_dtd=True)
    target = next(relation.get("Target", "") for relation in relations if relation.get("Id") == relation_id)
    part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
    scan = _SheetScan()
    with archive.open(part) as stream:
        defusedxml.sax.parse(stream, scan, forbid_dtd=True)
    return SheetFacts(is_epoch_1904=is_epoch_1904, trouble=scan.trouble)


class _SheetScan(ContentHandler):
    """Walks a sheet's XML: how far its cells reach, and which cells have no value of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: dict[int, dict[int, str]] = {}
        self.rows = self.columns = 0
        self.row = self.position = 0
        self.is_error = self.has_formula = self.has_value = self.is_in_value = False

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - the interface's name
        local = name.rpartition(":")[2]
        if local == "row":
            self.row = int(attrs.get("r") or self.row + 1)
            self.position = -1
        elif local == "c":
            self._start_cell(attrs.get("r"), attrs.get("t"))
        elif local == "f":
            self.has_formula = True
        elif local in {"v", "is"}:
            self.is_in_value = True

    def _start_cell(self, reference: str | None, cell_type: str | None) -> None:
        match = CELL.fullmatch(reference) if reference else None
        self.position = position_of(match[1]) if match else self.position + 1
        if match:
            self.row = int(match[2])
        self.is_error = cell_type == "e"
        self.has_formula = self.has_value = self.is_in_value = False
        self.rows, self.columns = max(self.rows, self.row), max(self.columns, self.position + 1)
        if self.rows * self.columns > MAX_GRID_CELLS:
            raise UnsafeWorkbook(f"its cells reach over {self.rows:,} rows and {self.columns:,} columns")

    def characters(self, content: str) -> None:
        if self.is_in_value and content:
            self.has_value = True

    def endElement(self, name: str) -> None:  # noqa: N802 - the interface's name
        local = name.rpartition(":")[2]
        if local in {"v", "is"}:
            self.is_in_value = False
        elif local == "c" and self.is_error:
            self._note("holds an Excel error")
        elif local == "c" and self.has_formula and not self.has_value:
            self._note("is a formula without a stored value; open the file in Excel and save it")

    def _note(self, reason: str) -> None:
        self.trouble.setdefault(self.row, {})[self.position] = reason


def position_of(letters: str) -> int:
    """A -> 0, Z -> 25, AA -> 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
