"""What must be known of one archived report without reading it again: its id, its place, and what it declares lost."""

import logging
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from agent.wire.results import Range as Declared
from collector.archive.intervals import Range
from collector.archive.keys import key_of

LOG: Final = logging.getLogger(__name__)
_MOST: Final = 2**53  # of a sequence number


class Head(msgspec.Struct, frozen=True, gc=False):
    """One archived report. `never`: sequence numbers it declares dropped (a ledger)."""

    id: str
    agent: str
    epoch: str
    seq: int
    never: tuple[Range, ...] = ()


class _Dropped(msgspec.Struct, frozen=True):
    dropped: list[Declared] = []


class _Archived(msgspec.Struct, frozen=True):
    id: str
    agent: str
    epoch: str
    seq: Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
    kind: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Named(msgspec.Struct, frozen=True):
    id: str


_HEAD: Final = msgspec.json.Decoder(_Archived)
_DROPPED: Final = msgspec.json.Decoder(_Dropped)
_NAMED: Final = msgspec.json.Decoder(_Named)


def head_of(report_id: str, *, place: tuple[str, str, int], kind: str, dropped: Sequence[Range] = ()) -> Head:
    """Make the head of a report at (agent, epoch, seq); only a ledger can declare others as dropped."""
    agent, epoch, seq = place
    return Head(report_id, agent, epoch, seq, tuple(dropped) if kind == "ledger" else ())


def read_head(raw: bytes) -> Head | None:
    """Read an archived report's head; None, with a word in the log, for bytes that are no report."""
    try:
        found = _HEAD.decode(raw)
        dropped = _DROPPED.decode(found.result).dropped if found.kind == "ledger" else ()
        ranges = [(first, last) for first, last in dropped if first <= last <= _MOST]
        key_of(found.id)
    except (msgspec.DecodeError, ValueError):
        LOG.warning("archive.unreadable_line bytes=%d", len(raw))
        return None
    return head_of(found.id, place=(found.agent, found.epoch, found.seq), kind=found.kind, dropped=ranges)


def is_report(raw: bytes, key: bytes) -> bool:
    """Whether these bytes are the report of this id."""
    try:
        return key_of(_NAMED.decode(raw).id) == key
    except (msgspec.DecodeError, ValueError):
        return False
