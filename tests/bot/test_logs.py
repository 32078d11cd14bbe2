"""Logs: JSON, and nothing in them that isn't ours to keep."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bot import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the root logger writes; the former handlers come back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers = []
    logs.configure("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers, root.level = before, level


def last(stream: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return found


def test_a_record_is_one_json_object_with_its_extras(lines: io.StringIO) -> None:
    logging.getLogger("bot.test").warning("two\nlines", extra={"route": "/ready", "thing": object()})
    said = last(lines)
    assert said["message"] == "two\nlines"
    assert said["level"] == "warning"
    assert said["logger"] == "bot.test"
    assert said["route"] == "/ready"
    assert "thing" not in said


def test_an_exception_is_its_type_and_place_without_its_words(lines: io.StringIO) -> None:
    try:
        raise ValueError("INSERT failed for 'my card is 4111'")
    except ValueError:
        logging.getLogger("bot.test").exception("a request failed")
    assert "my card" not in lines.getvalue()
    assert last(lines)["exception"] == "ValueError"
    assert "test_logs.py" in last(lines)["where"][-1]


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234567890-abcdef",
        "xapp-1-A0-99",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Bearer abc.def-ghi",
        "mia@example.com",
        "4111 1111 1111 1111",
        "aB3_" * 10 + "xyz",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(secret: str) -> None:
    redacted = logs.redact(f"before {secret} after")
    assert secret not in redacted
    assert "[removed]" in redacted


def test_the_password_of_a_database_url_is_taken_out() -> None:
    assert "hunter2" not in logs.redact("postgresql://deskhand:hunter2@db/deskhand")
