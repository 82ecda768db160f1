"""How a measurement fails: a closed vocabulary for writers, an open one for readers.

A failure is a result: it is stored and counted, and never a zero. Writers use the members below; readers keep
values that a newer agent may have added (contract, "Report").
"""

from enum import StrEnum
from typing import Annotated

import msgspec

Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,39}$")]


class Stage(StrEnum):
    """How far a measurement came before it failed."""

    DEVICE = "device"
    RESOLVE = "resolve"
    ROUTE = "route"
    CONNECT = "connect"
    TLS = "tls"
    HANDSHAKE = "handshake"
    TRANSFER = "transfer"
    PEER = "peer"


class Reason(StrEnum):
    """What was observed at that stage."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    PROHIBITED = "prohibited"
    RESET = "reset"
    CLOSED = "closed"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    NODATA = "nodata"
    LIE = "lie"
    BAD_CERTIFICATE = "bad_certificate"
    PROTOCOL = "protocol"
    BUSY = "busy"
    NO_ROUTE = "no_route"
    NO_ADDRESS = "no_address"
    NO_INTERFACE = "no_interface"
    NO_PERMISSION = "no_permission"
    NO_HARDWARE = "no_hardware"
    CAPTIVE_PORTAL = "captive_portal"
    DROPPED = "dropped"
    BUDGET = "budget"
    INTERNAL = "internal"


class Doubt(StrEnum):
    """Why a number may be the probe's own limit, not the line's."""

    CPU_BOUND = "cpu_bound"
    NIC_BOUND = "nic_bound"
    WIFI_BOUND = "wifi_bound"
    CROSS_TRAFFIC = "cross_traffic"
    PEER_BOUND = "peer_bound"
    BUDGET_CUT = "budget_cut"
    CLOCK_UNSET = "clock_unset"
    NOT_CONVERGED = "not_converged"
    TUNNEL = "tunnel"
    CAPTIVE_PORTAL = "captive_portal"
    THERMAL = "thermal"
    UNDERVOLTAGE = "undervoltage"
    METHOD_REFERENCE_ONLY = "method_reference_only"


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The network did not do what was asked: where, what, and in words."""

    stage: Word
    reason: Word
    detail: Annotated[str, msgspec.Meta(max_length=500)] | None = None

    def __str__(self) -> str:
        """The form that a series carries: `stage:reason`."""
        return f"{self.stage}:{self.reason}"
