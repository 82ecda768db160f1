"""The event loop of a collector's process: uvloop where it is installed, else Python's own."""

import asyncio
import ctypes
import gc
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")
_YOUNG: Final = 20_000
_ARENAS: Final = -8  # what malloc.h of glibc calls M_ARENA_MAX
_TRIM: Final = -1  # M_TRIM_THRESHOLD
_FREE_BYTES: Final = 4 * 2**20


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a loop of its own, as asyncio.run does.

    Reports come and go by the thousand and are never part of a circle, so Python looks for circles more seldom.
    """
    gc.set_threshold(_YOUNG, 20, 100)
    _share_memory()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this machine
        return None
    return uvloop.new_event_loop


def _share_memory() -> None:
    """Let all threads draw on one store of memory, and give back what a storm needed.

    glibc gives each thread its own and raises by itself how much of it stays with the process for ever.
    """
    with suppress(OSError, AttributeError):  # another C library
        glibc = ctypes.CDLL(None)
        glibc.mallopt(_ARENAS, 1)
        glibc.mallopt(_TRIM, _FREE_BYTES)
