"""The opening of a direction's streams: all at once, all or none, and counted from the first one on."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from agent.errors import Failed
from agent.speed.limits import OPENING_S
from agent.wire.failure import Reason, Stage

LOOK_S: Final = 0.025


async def all_open(
    openings: Mapping[str, Coroutine[Any, Any, object]],
    *,
    meanwhile: Callable[[], None],
    timeout_s: float = OPENING_S,
) -> None:
    """Run all `openings`, by the names of their tasks; call `meanwhile` every 25 ms until the last one is through.

    One stream may wait a second for a lost SYN while the others load the line already: uncounted, that second would
    be a straight line between two samples, which looks like the steadiest rate of all.

    Raises:
        Failed: what the first one said that could not be opened, or `handshake:timeout` after `timeout_s` (10 s).
    """
    ours = asyncio.current_task()
    before = 0 if ours is None else ours.cancelling()
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            waiting = {group.create_task(one, name=name) for name, one in openings.items()}
            # We wait here, not where the group ends: in Python 3.11 a child that fails then leaves this task marked as
            # cancelled, and every later deadline around it comes out as a cancellation.
            while waiting:
                _, waiting = await asyncio.wait(waiting, timeout=LOOK_S)
                meanwhile()
    except BaseExceptionGroup as errors:
        if ours is not None and ours.cancelling() > before:
            raise asyncio.CancelledError from errors  # the group forgets one that comes together with a failure
        refused = next((error for error in errors.exceptions if isinstance(error, Failed)), None)
        if refused is None:
            raise
        raise refused from errors
    except TimeoutError as error:
        raise Failed(Stage.HANDSHAKE, Reason.TIMEOUT, f"not all streams open after {timeout_s:g} s") from error
