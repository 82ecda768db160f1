"""Ending in an orderly way: what has begun may end, for a little while."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def graceful(work: Coroutine[Any, Any, T], *, grace_s: float, name: str) -> T:
    """Do it; whoever is cancelled meanwhile lets it go on for so long before he ends, and it with him."""
    task = asyncio.get_running_loop().create_task(work, name=name)  # owned here: it never outlives this call
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            await _ended(task, grace_s)


async def _ended(task: asyncio.Task[T], grace_s: float) -> None:
    try:
        await asyncio.wait([task], timeout=grace_s)
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: what it was is told no more
