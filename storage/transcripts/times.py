"""Times as other desks write them, to aware ones in UTC. Knows no format of a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_MILLISECONDS: Final = 100_000_000_000
"""A number from here on counts milliseconds: in seconds it would lie past the year 5000."""


def moment(given: object) -> datetime | None:
    """A time from ISO 8601 or from seconds or milliseconds since 1970; None where there is none.

    Without a zone it is taken for UTC. Raises ValueError for what is no time.
    """
    if given is None or given == "":
        return None
    try:
        if isinstance(given, str) and not _is_number(given):
            time = datetime.fromisoformat(given.strip().removesuffix(" UTC"))
        else:
            time = _since_1970(given)
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(
            f'"at" must be a time such as 2026-11-29T08:30:00Z, not {str(given)[:40]!r}'
        ) from None


def _is_number(given: str) -> bool:
    """Ten digits or thirteen; fewer could be a date such as 20261129."""
    return given.strip().isdecimal() and len(given.strip()) >= 10


def _since_1970(given: object) -> datetime:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise TypeError
    seconds = float(given)
    return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS else seconds, UTC)
