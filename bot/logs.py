"""Logs as JSON, one object a line on stderr, without message text, tokens or addresses of people.

An exception is logged as its type and the places it passed, never with its own words: those of a
database error repeat the row. Knows no other module.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any

_SECRETS = re.compile(
    r"xox[abprs]-[\w-]+|xapp-[\w-]+"  # Slack
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # JWT
    r"|(?i:bearer)\s+[\w.~+/=-]+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail
    r"|://[^/\s:@]+:[^/\s@]+@"  # password in a URL
    r"|\b(?:\d[ -]?){13,19}\b"  # card
    r"|[\w-]{43}"  # our own 256-bit tokens
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PLAIN = (str, int, float, bool, type(None))


def redact(text: str) -> str:
    """The text with everything that looks like a secret or a person's address taken out."""
    return _SECRETS.sub("[removed]", text)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: at, level, logger, message, the `extra` fields, the exception's type."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without a line break inside."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _OWN and isinstance(value, _PLAIN):
                said[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            said["exception"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])[-8:]
            said["where"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(said, ensure_ascii=False)


def _short(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-3:])


def configure(level: str, stream: IO[str] | None = None) -> None:
    """Send everything through JsonFormatter; libraries that log bodies or statements only from WARNING."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in (
        "aiohttp.access",
        "slack_bolt",
        "slack_sdk",
        "sqlalchemy",
        "alembic",
        "asyncio",
        "aiosqlite",
        "matplotlib",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
