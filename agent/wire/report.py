"""The report: what one run of a probe yields. Immutable once published.

Its parts hold values and one another, never in a circle; `gc=False` says so, and saves the collector a quarter of its
work: Python's search for circles looks at everything that is alive, again and again.
"""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec

from agent.wire.failure import Failure, Word
from agent.wire.results import Positive, Result, Sequence, Text
from agent.wire.topics import AGENT_ID

VERSION = 1

R = TypeVar("R", bound=Result)

AgentId = Annotated[str, msgspec.Meta(pattern=AGENT_ID)]
Epoch = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}$")]
ReportId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


def _none_yet() -> list[Word]:
    """An empty list that `omit_defaults` still writes: no doubts is a statement."""
    return []


class Peer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The measurement peer at the far end, and the address that was really used."""

    name: Text | None = None
    url: Text | None = None
    address: Text | None = None


class Wifi(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Wireless facts at the time of the run."""

    signal_dbm: float | None = None
    band: Text | None = None
    rx_mbps: Positive | None = None
    tx_mbps: Positive | None = None


class Cellular(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Mobile facts at the time of the run."""

    technology: Word | None = None
    band: Text | None = None
    rsrp_dbm: float | None = None
    sinr_db: float | None = None


class Link(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The interface that the run went through. `medium`: ethernet wifi cellular other."""

    interface: Text | None = None
    medium: Word | None = None
    speed_mbps: Positive | None = None
    duplex: Word | None = None
    mtu: Positive | None = None
    wifi: Wifi | None = None
    cellular: Cellular | None = None


class Clock(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Whether `started` can be trusted. `rebased`: dated afterwards, when the clock had been set."""

    synchronized: bool | None = None
    rebased: bool | None = None


class Measurement(msgspec.Struct, Generic[R], frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A report before the spool gave it its place: what `probe --json` prints.

    Exactly one of `result` and `failure` is set. `request` names the request that asked for the run.
    """

    v: int = msgspec.field(default_factory=lambda: VERSION)
    id: ReportId
    agent: AgentId
    kind: Kind
    started: Time
    duration_s: Positive
    family: Word | None = None
    peer: Peer | None = None
    link: Link | None = None
    clock: Clock | None = None
    software: Text | None = None
    profile: Text | None = None
    result: R | None = None
    failure: Failure | None = None
    doubts: Annotated[list[Word], msgspec.Meta(max_length=50)] = msgspec.field(default_factory=_none_yet)
    request: Text | None = None
    sig: Text | None = None
    prev: Text | None = None


class Report(Measurement[R], Generic[R], frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A measurement with its place in the spool: `seq` counts in `epoch` without gaps, from 1."""

    epoch: Epoch
    seq: Sequence
