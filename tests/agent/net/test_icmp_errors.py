"""Control messages of the error queue, those of the kernel and some that no kernel writes."""

import os
import socket
import struct

import pytest

from agent.net.icmp_errors import RECVERR, Complaint, complaint_of
from agent.wire.failure import Reason

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def message(  # noqa: PLR0913 - the fields of the kernel's struct
    family: socket.AddressFamily,
    kind: int,
    code: int,
    *,
    info: int = 0,
    address: str = "",
    origin: int = 0,
    scope: int = 0,
) -> list[tuple[int, int, bytes]]:
    address = address or ("203.0.113.1" if family == FOUR else "2001:db8::1")
    error = struct.pack("=IBBBBII", 113, origin or (2 if family == FOUR else 3), kind, code, 0, info, 0)
    packed = socket.inet_pton(family, address)
    name = struct.pack("=HH", family, 0) + (packed if family == FOUR else bytes(4) + packed + struct.pack("=I", scope))
    level, option = RECVERR[family]
    return [(socket.SOL_SOCKET, 35, bytes(16)), (level, option, error + name + bytes(8 if family == FOUR else 0))]


@pytest.mark.parametrize(
    ("family", "said", "reason"),
    [
        (FOUR, (11, 0), None),
        (FOUR, (3, 0), Reason.NO_ROUTE),
        (FOUR, (3, 1), Reason.UNREACHABLE),
        (FOUR, (3, 2), Reason.REFUSED),
        (FOUR, (3, 3), Reason.REFUSED),
        (FOUR, (3, 9), Reason.PROHIBITED),
        (FOUR, (3, 10), Reason.PROHIBITED),
        (FOUR, (3, 13), Reason.PROHIBITED),
        (FOUR, (3, 99), Reason.UNREACHABLE),
        (SIX, (3, 0), None),
        (SIX, (1, 0), Reason.NO_ROUTE),
        (SIX, (1, 1), Reason.PROHIBITED),
        (SIX, (1, 3), Reason.UNREACHABLE),
        (SIX, (1, 4), Reason.REFUSED),
        (SIX, (1, 6), Reason.PROHIBITED),
        (SIX, (1, 99), Reason.UNREACHABLE),
    ],
)
def test_what_routers_say(family: socket.AddressFamily, said: tuple[int, int], reason: Reason | None) -> None:
    address = "203.0.113.1" if family == FOUR else "2001:db8::1"
    assert complaint_of(family, message(family, *said)) == Complaint(address, reason)


@pytest.mark.parametrize(("family", "said"), [(FOUR, (3, 4)), (SIX, (2, 0))])
def test_how_much_fits(family: socket.AddressFamily, said: tuple[int, int]) -> None:
    found = complaint_of(family, message(family, *said, info=1280))
    assert found is not None
    assert (found.reason, found.mtu) == (Reason.DROPPED, 1280)
    untold = complaint_of(family, message(family, *said))
    assert untold is not None
    assert untold.mtu is None


@pytest.mark.parametrize(
    ("family", "ancillary"),
    [
        pytest.param(FOUR, [], id="nothing"),
        pytest.param(FOUR, message(SIX, 3, 0), id="of the other family"),
        pytest.param(FOUR, message(FOUR, 11, 0, origin=1), id="of this device's own stack"),
        pytest.param(FOUR, message(FOUR, 11, 1), id="a fragment that came too late"),
        pytest.param(FOUR, message(FOUR, 4, 0), id="source quench"),
        pytest.param(SIX, message(SIX, 4, 0), id="a header that was not understood"),
        pytest.param(FOUR, message(FOUR, 11, 0, address="224.0.0.1"), id="from a group"),
        pytest.param(FOUR, message(FOUR, 11, 0, address="0.0.0.0"), id="from nobody"),  # noqa: S104 - nothing is bound
        pytest.param(SIX, message(SIX, 3, 0, address="ff02::1"), id="from an IPv6 group"),
        pytest.param(FOUR, [(*RECVERR[FOUR], bytes(16))], id="without an address"),
        pytest.param(SIX, [(*RECVERR[SIX], bytes(20))], id="cut in the address"),
    ],
)
def test_what_says_nothing_about_the_way(family: socket.AddressFamily, ancillary: list[tuple[int, int, bytes]]) -> None:
    assert complaint_of(family, ancillary) is None


def test_a_link_local_router_is_named_with_its_link() -> None:
    index = socket.if_nametoindex("lo")
    found = complaint_of(SIX, message(SIX, 3, 0, address="fe80::1", scope=index))
    assert found == Complaint("fe80::1%lo")
    gone = complaint_of(SIX, message(SIX, 3, 0, address="fe80::1", scope=987_654))
    assert gone == Complaint("fe80::1%987654")


def test_noise_is_no_complaint() -> None:
    for _ in range(300):
        for family in (FOUR, SIX):
            complaint_of(family, [(*RECVERR[family], os.urandom(int.from_bytes(os.urandom(1), "big") % 64))])
