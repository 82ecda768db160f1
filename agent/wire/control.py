"""Everything that is not a report: status, receipt, profile, request, and the collector's boot notice."""

from typing import Annotated

import msgspec

from agent.wire.failure import Word
from agent.wire.report import Epoch, Kind, Time
from agent.wire.results import Count, Positive, Range, Sequence, Text


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the agent knows of its own device. Every fact is optional.

    `data_used_bytes`: what this month's speed tests and pages moved (months in UTC); `data_allowed_bytes`: what they
    may, absent where nobody set a budget.
    """

    disk_free_bytes: Count | None = None
    clock_synchronized: bool | None = None
    uptime_s: Positive | None = None
    load: Positive | None = None
    spool_error: Text | None = None
    config_error: Text | None = None
    data_used_bytes: Count | None = None
    data_allowed_bytes: Count | None = None


class Status(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Birth, heartbeat (each minute) and will of an agent; retained, so a newcomer sees the latest.

    `state`: online, offline (will) or stopped (clean end). `epoch` and `seq` name the newest report in the spool:
    a collector restored from a backup sees from them what it has to ask for again.
    """

    state: Word
    software: Text | None = None
    profile: Text | None = None
    boot: Text | None = None
    epoch: Epoch | None = None
    seq: Count | None = None
    spooled: Count | None = None
    dropped: Count | None = None
    next: dict[Kind, Time] | None = None
    health: Health | None = None


class Refused(msgspec.Struct, frozen=True, omit_defaults=True):
    """One report that was not stored, and why."""

    seq: Sequence
    reason: Word


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The collector's word on reports of one epoch. Only this empties the spool.

    `stored`: durable in the time series and in the archive. `deferred`: may be accepted later, keep it.
    `rejected`: can never be accepted and lies in quarantine, forget it.
    """

    epoch: Epoch
    stored: list[Range] = []
    deferred: list[Refused] = []
    rejected: list[Refused] = []


class Resend(msgspec.Struct, frozen=True, omit_defaults=True):
    """Reports to send again, whatever receipts they had."""

    epoch: Epoch
    ranges: Annotated[list[Range], msgspec.Meta(max_length=1000)]


class Request(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Run a probe now (`kind`), or send reports again (`resend`); ignored after `expires`."""

    request: Text
    kind: Kind | None = None
    peer: Text | None = None
    expires: Time | None = None
    resend: Resend | None = None


class Slot(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often a kind runs: once at a random instant in each slot of `every_s` seconds."""

    every_s: Annotated[float, msgspec.Meta(gt=0)]


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Schedule and settings for an agent to apply; it confirms `version` in its status."""

    version: Text
    schedule: dict[Kind, Slot] = {}
    peers: list[Text] | None = None


class Boot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A collector's notice that it has (re)started: a new `boot` makes agents send what has no receipt."""

    boot: Text
    at: Time


Control = Status | Receipt | Request | Profile | Boot
