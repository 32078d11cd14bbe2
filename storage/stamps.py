"""Ids and times as storage stamps them. Knows no table."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """The current time, aware, UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A version 7 UUID: 48 bits of milliseconds, then 74 random ones, so new rows are neighbours."""
    milliseconds = time.time_ns() // 1_000_000
    head = milliseconds << 80
    middle = 0x7 << 76 | secrets.randbits(12) << 64
    tail = 0b10 << 62 | secrets.randbits(62)
    return UUID(int=head | middle | tail)
