"""The first visible sheet of an Excel workbook -> `Table`, after `xlsx_guard` let it pass."""

from __future__ import annotations

import io
from collections.abc import Iterator

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from extractors.connection import SurveyFileConnection
from extractors.surveys.tables import FileRefused, Row, Table
from extractors.surveys.values import cell_text
from extractors.surveys.xlsx_guard import SheetFacts, UnsafeWorkbook, inspect_workbook


def open_xlsx(connection: SurveyFileConnection, name: str, data: bytes) -> Table:
    try:
        inspect_workbook(data)  # nothing parses the file before it is known to be harmless
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            index = _first_visible(workbook)
            facts = inspect_workbook(data, index) if index else inspect_workbook(data)
            sheet = workbook.get_sheet_by_index(index)
    except UnsafeWorkbook as error:
        raise _refused(connection, name, str(error)) from None
    except CalamineError as error:
        raise _refused(connection, name, f"it cannot be read as a workbook ({error})") from None
    rows = _rows(sheet, facts)
    header_row = next((row for row in rows if any(cell_text(cell) for cell in row.cells)), None)
    if header_row is None:
        raise _refused(connection, name, "its first visible sheet is empty")

    def data_rows() -> Iterator[Row]:
        return (row for row in _rows(sheet, facts) if row.line > header_row.line)

    return Table(
        name=name,
        header=tuple(cell_text(cell) for cell in header_row.cells),
        header_line=header_row.line,
        rows=data_rows,
        has_serial_dates=True,
        is_epoch_1904=facts.is_epoch_1904,
        has_cell_addresses=True,
    )


def _first_visible(workbook: CalamineWorkbook) -> int:
    for index, sheet in enumerate(workbook.sheets_metadata):
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet:
            return index
    raise UnsafeWorkbook("it has no visible sheet")


def _rows(sheet: CalamineSheet, facts: SheetFacts) -> Iterator[Row]:
    """Rows with their numbers. `iter_rows` begins at the sheet's first row, empty or not."""
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        yield Row(number, cells, facts.trouble.get(number, {}))


def _refused(connection: SurveyFileConnection, name: str, detail: str) -> FileRefused:
    return FileRefused(
        connection.id,
        f"file {name}",
        remedy="Nothing of it was read. Export it again, or remove it from the folder.",
        detail=f"{detail[0].upper()}{detail[1:]}.",
    )
