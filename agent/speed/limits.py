"""When a direction ends, and as what: pure rules over its progress. The early stop joins here."""

from dataclasses import dataclass
from typing import Final, Literal

from agent.wire.failure import Failure, Reason, Stage

FULL_S: Final = 10.0
STREAMS: Final = 4
SILENCE_S: Final = 5.0
OPENING_S: Final = 10.0
NEAR_END_S: Final = 0.5
TOO_SHORT_S: Final = 1.0
FRAMING: Final = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """What one direction may take: seconds of load after connecting, bytes over all streams.

    `early`: stop as soon as the rate is known. `may_grow`: add streams when TCP is stuck; never under a byte budget,
    which is shared out among the streams at the start. `opening_s`: until all streams must be open.
    """

    seconds: float = FULL_S
    max_bytes: int | None = None
    streams: int = STREAMS
    early: bool = True
    may_grow: bool = True
    opening_s: float = OPENING_S

    @property
    def share(self) -> int | None:
        """The bytes that each stream may carry."""
        return None if self.max_bytes is None else max(1, self.max_bytes // self.streams)

    @property
    def silence_s(self) -> float:
        """How long nothing may arrive: a dead peer, or a line too dead to measure."""
        return min(SILENCE_S, self.seconds / 2)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a direction is: seconds since its first stream opened, bytes at the receiver, streams still open.

    `silent_s`: since the receiver's count last rose. `failure`: of the first stream that ended without a Close.
    """

    elapsed_s: float
    received: int
    silent_s: float
    open: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a direction ended: the contract's word, and the failure if it is one."""

    word: Literal["converged", "budget", "time", "peer", "error"]
    failure: Failure | None = None


def stop(progress: Progress, limits: Limits) -> Stop | None:
    """Decide whether a direction is over; None to go on."""
    if _is_used_up(progress, limits):
        return Stop("budget")
    if progress.silent_s >= limits.silence_s:
        return _error(Reason.TIMEOUT, f"nothing counted at the receiver for {progress.silent_s:.1f} s")
    if progress.elapsed_s >= limits.seconds:
        if progress.received == 0:
            return _error(Reason.TIMEOUT, f"nothing counted at the receiver in {progress.elapsed_s:.1f} s")
        return Stop("time")
    if progress.failure is not None or progress.open == 0:
        return _ended_early(progress, limits)
    return None


def _is_used_up(progress: Progress, limits: Limits) -> bool:
    """Whether the budget is gone. A peer that ends all streams just below it has counted frames and texts as well."""
    if limits.share is None:
        return False
    left = 1 - progress.received / (limits.share * limits.streams)
    return left <= 0 or (progress.open == 0 and left <= FRAMING)


def _ended_early(progress: Progress, limits: Limits) -> Stop:
    """Streams ended before we ended them: at the very end that is usual, earlier it is the peer's doing."""
    if progress.received and progress.elapsed_s >= limits.seconds - NEAR_END_S:
        return Stop("time")
    if progress.failure is not None:
        return Stop("error", progress.failure)
    if progress.elapsed_s < TOO_SHORT_S or not progress.received:
        return _error(Reason.CLOSED, f"the peer ended the run after {progress.elapsed_s:.1f} s")
    return Stop("peer")


def _error(reason: Reason, detail: str) -> Stop:
    return Stop("error", Failure(Stage.TRANSFER, reason, detail))
