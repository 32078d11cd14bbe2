"""Password hashes: argon2id at the OWASP floor, computed off the event loop.

Knows no account and no database.
"""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST, LONGEST = 10, 128
"""Characters of a password that we accept."""


class Passwords:
    """Hashes and checks; at most four at once, 19 MiB each, so that sign-ins can't exhaust the memory."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._at_once = asyncio.Semaphore(4)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The argon2id hash to store."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits; `None` (no such account) takes as long as a real check."""
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hash(secrets.token_urlsafe())
            await self.verify(self._nobody, password)
            return False
        async with self._at_once:
            return await asyncio.to_thread(self._fits, stored, password)

    def _fits(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False


def new_password() -> str:
    """A random password of 96 bits that can be read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    parts = ("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
    return "-".join(parts)
