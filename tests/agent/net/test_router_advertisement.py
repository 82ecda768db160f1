"""Advertisements as bytes; asking a real router is shown by the scenarios of the IPv6 battery."""

import asyncio
import contextlib
import ipaddress
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Failed
from agent.net.router_advertisement import Advertisement, parse, solicit

PREFIX = bytes([3, 4, 64, 0xC0]) + struct.pack("!III", 86400, 14400, 0) + ipaddress.IPv6Address("2001:db8:1::").packed
MTU = bytes([5, 1, 0, 0]) + struct.pack("!I", 1480)
RDNSS = bytes([25, 5, 0, 0]) + struct.pack("!I", 600) + b"".join(
    ipaddress.IPv6Address(text).packed for text in ("2001:db8::53", "fe80::1")
)  # fmt: skip


def pref64(code: int, lifetime: int = 75) -> bytes:
    return bytes([38, 2]) + struct.pack("!H", lifetime << 3 | code) + ipaddress.IPv6Address("64:ff9b::").packed[:12]


def message(*options: bytes, flags: int = 0xC0, lifetime_s: int = 1800) -> bytes:
    return struct.pack("!BBHBBHII", 134, 0, 0, 64, flags, lifetime_s, 0, 0) + b"".join(options)


def test_all_that_it_may_say() -> None:
    assert parse(message(PREFIX, MTU, RDNSS, pref64(0)), router="fe80::1%eth0") == Advertisement(
        router="fe80::1%eth0",
        lifetime_s=1800,
        managed=True,
        other_config=True,
        mtu_bytes=1480,
        prefixes=("2001:db8:1::/64",),
        dns=("2001:db8::53", "fe80::1"),
        nat64_prefix=ipaddress.IPv6Network("64:ff9b::/96"),
        autonomous=True,
    )


def test_the_least_that_it_may_say() -> None:
    assert parse(message(flags=0, lifetime_s=0)) == Advertisement(None, 0, managed=False, other_config=False)


@pytest.mark.parametrize(
    "option",
    [
        PREFIX[:3] + b"\x80" + PREFIX[4:],  # by DHCPv6 only
        PREFIX[:2] + bytes([56]) + PREFIX[3:],
        PREFIX[:4] + bytes(4) + PREFIX[8:],  # its time is over
        MTU,
    ],
)
def test_a_prefix_of_which_nobody_makes_addresses(option: bytes) -> None:
    told = parse(message(option))
    assert told is not None
    assert told.autonomous is False


@pytest.mark.parametrize(("code", "length"), list(enumerate([96, 64, 56, 48, 40, 32])))
def test_the_lengths_of_pref64(code: int, length: int) -> None:
    told = parse(message(pref64(code)))
    assert told is not None
    assert told.nat64_prefix == ipaddress.IPv6Network(f"64:ff9b::/{length}", strict=False)


@pytest.mark.parametrize("option", [pref64(6), pref64(7), pref64(0, lifetime=0), b"\x26\x01" + bytes(6)])
def test_a_pref64_that_is_none(option: bytes) -> None:
    told = parse(message(option))
    assert told is not None
    assert told.nat64_prefix is None


def test_options_that_nobody_knows_are_passed_by() -> None:
    told = parse(message(b"\xfd\x02" + bytes(14), b"\x03\x01" + bytes(6), MTU))
    assert told is not None
    assert (told.mtu_bytes, told.prefixes) == (1480, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        message()[:15],
        b"\x85" + message()[1:],
        b"\x86\x01" + message()[2:],
        message(b"\x03\x00" + bytes(6)),  # an option without a length
        message(b"\x03\x04" + bytes(8)),  # an option longer than the message
    ],
)
def test_what_must_be_discarded(data: bytes) -> None:
    assert parse(data) is None


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(tail: bytes) -> None:
    parse(tail)
    parse(message() + tail)


async def test_no_such_interface() -> None:
    with pytest.raises(Failed, match="device:"):
        await solicit("nothing0", timeout_s=0.1)


def test_without_the_right() -> None:
    """In a child that gives up being root, if it is."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(PermissionError):
            os.setuid(65534)
        try:
            asyncio.run(solicit("lo", timeout_s=0.1))
        except Failed as refused:
            os._exit(7 if str(refused).startswith("device:no_permission") else 1)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
