"""Looking after what a process needs: opened at the start, watched while it runs, tried again while it is away."""

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from agent.wire.results import RESULTS
from collector import embedded_broker
from collector.archive.care import Care, Wanted
from collector.errors import StoreFull, StoreUnavailable
from collector.parts import Parts

LOG: Final = logging.getLogger(__name__)
_CARE_S: Final = 3600.0
_ARCHIVE_S: Final = 10.0
_PROBE_BYTES: Final = 64 * 1024
_FULL: Final = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


async def watch_store(parts: Parts) -> None:
    """See that the store answers, also while nobody writes; what a write complained of, only a write takes back."""
    settings = parts.settings().store
    wait, failed = settings.retry_first_s, True
    while True:
        try:
            await parts.series.open()
        except (StoreUnavailable, StoreFull) as error:
            parts.readiness.fails("store", str(error), by="look")
            failed = True
        else:
            if failed:
                parts.readiness.works("store", by="look")
            failed, wait = False, settings.retry_first_s
        await asyncio.sleep(wait if failed else settings.check_s)
        wait = min(wait * 2, settings.retry_max_s)


async def load_fleet(parts: Parts) -> None:
    """Read recent signs of life from the series, once they can be read."""

    async def load() -> None:
        since = parts.now() - timedelta(seconds=parts.settings().fleet.recent_s)
        await parts.fleet.load(parts.series, since=since, kinds=tuple(kind for kind in RESULTS if kind != "ledger"))

    await _until_up(parts, "fleet history", load)


async def open_archive(parts: Parts) -> None:
    """Open it, if that is possible now: the pipeline opens it again before each batch. Raises UsageError."""
    parts.readiness.expect("archive")
    try:
        await asyncio.to_thread(parts.archive.open)
    except StoreUnavailable as error:
        parts.readiness.fails("archive", str(error))
    else:
        parts.readiness.works("archive")


async def watch_archive(parts: Parts) -> None:
    """See that the archive can be used, also while nothing comes: one that is full is not left by waiting for it.

    A process that takes reports opens it with its next batch; any other one opens it here.
    """
    takes = "ingest" in parts.settings().roles
    while True:
        await asyncio.sleep(min(parts.settings().store.check_s, _ARCHIVE_S))
        try:
            if parts.archive.is_open:
                await asyncio.to_thread(_try_folder, parts.archive.folder, writes=takes)
            elif not takes:
                await asyncio.to_thread(parts.archive.open)
            else:
                continue
        except (StoreUnavailable, OSError) as error:
            why = str(error) if isinstance(error, StoreUnavailable) else f"archive {parts.archive.folder}: {error}"
            parts.readiness.fails("archive", why, by="look")
        else:
            # Room for a probe is what a batch needs too; of anything else a batch must say that it is over.
            why = parts.readiness.reasons.get("archive", "")
            is_full = any(words in why for words in _FULL)
            parts.readiness.works("archive", by="deed" if is_full else "look")


async def care_for_archive(parts: Parts) -> None:
    """Delete days that need not be kept and seal finished ones, each hour."""
    care = Care(parts.archive)
    while True:
        settings, today = parts.settings().archive, parts.now().date()
        before = None if settings.keep_days is None else today - timedelta(days=settings.keep_days)
        wanted = Wanted(before, settings.seal_level if settings.seal else None)
        await asyncio.to_thread(care.tend, wanted, today=today)
        await asyncio.sleep(_CARE_S)


async def run_broker(parts: Parts, is_up: asyncio.Event) -> None:
    """Run the embedded broker; try again while its port is taken."""
    while True:
        settings = parts.settings().broker
        try:
            async with embedded_broker.running(settings):
                parts.readiness.works("embedded broker")
                is_up.set()
                await asyncio.Event().wait()
        except StoreUnavailable as error:
            parts.readiness.fails("embedded broker", str(error))
        await asyncio.sleep(settings.reconnect_first_s)


def _try_folder(folder: Path, *, writes: bool) -> None:
    """Read the folder, or write a little in it that never reaches the disk; raises OSError."""
    if not writes:
        with os.scandir(folder) as entries:
            next(entries, None)
        return
    probe = folder / f".room-{os.getpid()}"
    try:
        probe.write_bytes(bytes(_PROBE_BYTES))
    finally:
        probe.unlink(missing_ok=True)


async def _until_up(parts: Parts, part: str, action: Callable[[], Awaitable[None]]) -> None:
    settings = parts.settings().store
    wait = settings.retry_first_s
    while True:
        try:
            await action()
        except (StoreUnavailable, StoreFull) as error:
            parts.readiness.fails(part, str(error))
        else:
            parts.readiness.works(part)
            return
        await asyncio.sleep(wait)
        wait = min(wait * 2, settings.retry_max_s)
