"""What a survey file looks like once it is open: a header, and rows with the place where they stand.

`client.py` and its readers make tables, `records.py` reads them. Neither side needs to know whether
the file was CSV, Excel or Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractors.errors import ExtractError

NO_TROUBLE: Mapping[int, str] = {}
WHOLE_LINE = -1  # position in `Row.trouble`: the line as a whole cannot be read


class FileRefused(ExtractError):  # noqa: N818 - says what happened, as in errors.py
    """A survey file is damaged, too large, a trick, or contradicts its declaration; nothing of it was read."""

    what = "was refused"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a survey file.

    `line` is where the row starts: the physical line of a text file (a quoted line break counts), the
    row number of a sheet. `cells` are texts in CSV; numbers, flags and datetimes too in Excel and
    Parquet. `trouble` says by cell position why a cell has no value that can be trusted.
    """

    line: int
    cells: Sequence[object]
    trouble: Mapping[int, str] = field(default_factory=lambda: NO_TROUBLE)


@dataclass(frozen=True)
class Table:
    """An open survey file. `rows` reads on as it is consumed and may raise `FileRefused`."""

    name: str
    header: tuple[str, ...]
    header_line: int
    rows: Callable[[], Iterator[Row]]
    has_serial_dates: bool = False  # numbers in a date column are Excel's day numbers
    is_epoch_1904: bool = False
    has_cell_addresses: bool = False

    def address(self, row: Row, position: int) -> str | None:
        """`C7` for a sheet, None for other files."""
        return f"{column_letters(position)}{row.line}" if self.has_cell_addresses else None


def column_letters(position: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
