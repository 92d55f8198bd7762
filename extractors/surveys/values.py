"""Cells -> numbers, instants, texts. Nothing is guessed: what does not fit raises `Unreadable`.

pandas would turn `25/04/2026` into NaT, `9,5` into text and the comment `NA` into nothing, each
without a word. Here every cell either has exactly the declared form or its line is rejected.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d+(?:,\d+)?")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
E_MAIL = re.compile(r"[^\s@]+@[^\s@]+")

# Day 60 of Excel's 1900 calendar is 29 February 1900, which never was; days before it are off by one.
FIRST_SAFE_SERIAL = 61
LAST_SERIAL = 2_958_465  # 9999-12-31


class Unreadable(ValueError):  # noqa: N818 - says what the cell is
    """A cell does not have the declared form. The text is the reason that goes into surveys/rejects."""


class DayAndMonthSwapped(Unreadable):
    """The date fits only if day and month change places, so the file's other dates are in doubt as well."""


def cell_text(cell: object) -> str:
    """The cell as a person would type it: 17.0 of a sheet is `17`. NUL is taken out: PostgreSQL refuses it."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.replace("\x00", "").strip()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return str(cell)


def parse_number(cell: object, decimal: str) -> float:
    """A plain decimal number with the declared decimal mark. No thousands marks, exponents, NaN or infinity."""
    if isinstance(cell, bool):
        raise Unreadable("is true/false, not a number")
    if isinstance(cell, (int, float)):
        if not math.isfinite(cell):
            raise Unreadable("is not a finite number")
        return float(cell)
    text = cell_text(cell)
    form, other, other_mark = (COMMA_NUMBER, PLAIN_NUMBER, ".") if decimal == "," else (PLAIN_NUMBER, COMMA_NUMBER, ",")
    if form.fullmatch(text):
        return float(text.replace(",", "."))
    if other.fullmatch(text):
        raise Unreadable(f'is not a number with the decimal mark "{decimal}" (it would be one with "{other_mark}")')
    raise Unreadable("is not a number")


def parse_score(cell: object, decimal: str, scale_min: float, scale_max: float) -> float:
    score = parse_number(cell, decimal)
    if not scale_min <= score <= scale_max:
        raise Unreadable(f"is outside the scale {scale_min:g} to {scale_max:g}")
    return score


def excel_instant(serial: float, *, is_epoch_1904: bool) -> datetime:
    """Excel's day number -> naive local datetime, to the second (the serial's own precision is no better)."""
    first = 0 if is_epoch_1904 else FIRST_SAFE_SERIAL
    if not first <= serial <= LAST_SERIAL:
        raise Unreadable("is not a day number that Excel can have meant")
    epoch = datetime(1904, 1, 1) if is_epoch_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - local by nature
    return epoch + timedelta(seconds=round(serial * 86_400))


def parse_instant(
    cell: object,
    date_format: str | None,
    zone: ZoneInfo,
    *,
    has_serial_dates: bool = False,
    is_epoch_1904: bool = False,
) -> datetime:
    """A date or date and time -> aware UTC. Without an offset of its own it is local time of `zone`."""
    if isinstance(cell, datetime):
        return _to_utc(cell, zone)
    if isinstance(cell, date):
        return _to_utc(datetime.combine(cell, time()), zone)
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        if not has_serial_dates:
            raise Unreadable("is a number, not a date")
        return _to_utc(excel_instant(cell, is_epoch_1904=is_epoch_1904), zone)
    text = cell_text(cell)
    return _to_utc(_text_instant(text, date_format), zone)


def _text_instant(text: str, date_format: str | None) -> datetime:
    if date_format is None:
        if not ISO_DATE.fullmatch(text):
            raise Unreadable("is not an ISO 8601 date such as 2026-03-31; declare its form with date_format")
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise Unreadable("is no day of the calendar") from None
    try:
        return datetime.strptime(text, date_format)  # noqa: DTZ007 - the zone is given by _to_utc
    except ValueError:
        if _fits(text, _swapped(date_format)):
            raise DayAndMonthSwapped(f"fits {date_format} only with day and month exchanged") from None
        raise Unreadable(f"does not have the form {date_format}") from None


def _fits(text: str, date_format: str | None) -> bool:
    if date_format is None:
        return False
    try:
        datetime.strptime(text, date_format)  # noqa: DTZ007
    except ValueError:
        return False
    return True


def _swapped(date_format: str) -> str | None:
    if "%d" not in date_format or "%m" not in date_format:
        return None
    return date_format.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


def _to_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return local.astimezone(UTC)


def pseudonym(text: str, key: bytes) -> str:
    """The same person gets the same 128-bit hex name in every survey; without the key nobody gets back."""
    return hmac.new(key, text.strip().casefold().encode(), hashlib.sha256).hexdigest()[:32]


def shown(cell: object, limit: int = 80) -> str:
    """A rejected cell as it may be shown: cut, and without anything that looks like an e-mail address."""
    text = E_MAIL.sub("<e-mail>", cell_text(cell))
    return text if len(text) <= limit else text[: limit - 1] + "…"
