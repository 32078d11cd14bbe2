"""Database work that a closing socket doesn't cut in the middle. Knows nothing of what the work is.

A connection whose statement is cancelled has to be thrown away; and a peer that hangs up right after
a message would cost the news of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Await the work; when cancelled, let it end first, then be cancelled."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
