"""Texts of instants → UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_of_text(text: str, *forms: str) -> datetime | None:
    """An aware UTC instant of ISO text, or of text in one of `forms` (as for strptime); without a zone it is UTC.

    None of any other text, and of an instant that no calendar has in UTC ("0001-01-01T00:00:00+01:00").
    """
    for form in (None, *forms):
        try:
            moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 - UTC
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    return None
