"""What the detectors look at. Pure."""

from datetime import datetime

import msgspec


class Observation(msgspec.Struct, frozen=True):
    """One conclusive sample, and the mark that held then, both in the indicator's unit; both above 0 or it is 0."""

    at: datetime
    value: float
    mark: float


class Contact(msgspec.Struct, frozen=True):
    """Whether one report of a site got through to what it asked: `kind` of the report, and which `peer`, if any.

    A failure of the device itself (stage `device`) is no contact at all: it says nothing of the line.
    """

    at: datetime
    reached: bool
    peer: str | None = None
    kind: str = "latency"
