from __future__ import annotations

import logging
import sqlite3

import pytest

from storage import engines


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version: tuple[int, ...], affected: bool) -> None:
    assert engines.has_wal_reset_bug(version) is affected


def test_an_affected_sqlite_is_warned_about(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 53, 4))
    engines.check_sqlite_version()
    assert not caplog.records
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    with caplog.at_level(logging.WARNING):
        engines.check_sqlite_version()
    assert "WAL-reset" in caplog.text
