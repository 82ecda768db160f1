"""How often a service may be used, kept over restarts: at most so many runs within any 24 hours. Pure.

The wall clock is not to be trusted: what lies in the future was written by a clock that ran ahead, and counts as of now
(it cannot be told when it was); so does everything in a record that cannot be read. Both can only make us wait longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from agent.wire.codec import HOSTILE

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`runs`: the moments to keep, this run's among them if it is allowed. `next_s`: from when on, if it is not."""

    runs: tuple[float, ...]
    next_s: float | None = None


class _Record(msgspec.Struct):
    runs: list[float]


def ask(runs: Sequence[float], now_s: float, *, most: int) -> Verdict:
    """Decide whether one more run may begin now; seconds since 1970."""
    recent = sorted(min(run, now_s) for run in runs if run > now_s - DAY_S)[-most:]
    if len(recent) < most:
        return Verdict((*recent, now_s))
    return Verdict(tuple(recent), recent[0] + DAY_S)


def read(record: bytes | None, now_s: float, *, most: int) -> tuple[float, ...]:
    """The runs in a record; none if there is no record, and if it cannot be read as many as there may be, all now."""
    if record is None:
        return ()
    try:
        return tuple(msgspec.json.decode(record, type=_Record).runs)
    except HOSTILE:
        return (now_s,) * most


def write(runs: Sequence[float]) -> bytes:
    """The record of these runs."""
    return msgspec.json.encode(_Record(list(runs)))
