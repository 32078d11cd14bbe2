"""Fixtures of every test: the PostgreSQL server, where one answers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from storage.migrations import upgrade
from tests.postgres import SERVER, on_server, run_apart


@pytest.fixture(scope="session")
def server() -> str:
    try:
        run_apart(on_server("SELECT 1"))
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        pytest.skip(f"no PostgreSQL server answers at {SERVER} ({type(error).__name__})")
    return SERVER


@pytest.fixture(scope="session")
def shared_postgres(server: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database that tests use one after the other."""
    name = f"deskhand_test_{uuid4().hex}"
    run_apart(on_server(f"CREATE DATABASE {name}"))
    run_apart(upgrade(server + name))
    yield server + name
    run_apart(on_server(f"DROP DATABASE {name} WITH (FORCE)"))
