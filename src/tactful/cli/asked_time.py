"""A time that somebody types."""

from __future__ import annotations

from datetime import UTC, datetime

from tactful.errors import UsageError


def asked_time(text: str | None) -> datetime | None:
    """The time of an ISO 8601 text, UTC if without a zone; None where nothing was said.

    Raises
    ------
    UsageError
        If the text is none.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("a time is ISO 8601", given=text, do="Write e.g. 2026-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
