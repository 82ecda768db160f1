"""Who else can say where the way breaks: the first router and the provider's, the peer at its own port, and others.

A portal or a proxy at the site may take connections in anyone's name, also while the line is down. So whoever answers a
packet that lived no more hops than the site has routers (`near`) is not beyond the line, and does not count.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.errors import Failed
from agent.evidence.gateway import PORTS, Gateway
from agent.net import neighbours, stamp
from agent.net.flows import SynFlow, family_of, name_of
from agent.net.peer_url import PeerUrl
from agent.net.resolve import Family, resolve
from agent.path.judgement import Sample, Seen

NEIGHBOUR_S: Final = 9.0
"""Linux takes 5 s until it doubts a neighbour that it used lately, and asks three times, a second apart."""
_KINDS: Final[tuple[tuple[int, ...], ...]] = ((), (), PORTS)
_PACE_S: Final = 0.05
_LOOK_S: Final = 0.25
_FAR: Final = 64
"""Hops to live of a packet that is meant to arrive."""


@dataclass(frozen=True, slots=True)
class Knock:
    """What came of one question: the round trip, None without an answer; `silent`: nor did any router say why."""

    rtt_ms: float | None = None
    silent: bool = False


async def router(address: str, *, count: int, within_s: float, echo_only: bool = False) -> Sample:
    """Ask one router `count` times, or as often as the time allows; an empty sample if it does not answer at all.

    By ICMP echo; where this user may not, or two of them were in vain, by TCP (not with `echo_only`).
    """
    until = asyncio.get_running_loop().time() + within_s
    asked = 0
    for ports in _KINDS[: 2 if echo_only else 3]:
        with contextlib.closing(Gateway(address, ports=ports)) as gateway:
            if ports:
                gateway.close()  # no more echoes, connections alone
                asked = 0
            sample = await _sample(gateway, count - asked, until)
        asked += sample.asked
        if sample.times_ms:
            return Sample(asked, sample.times_ms)
    return Sample()


async def _sample(gateway: Gateway, count: int, until: float) -> Sample:
    """Ask again and again as long as the first question was answered."""
    sample = Sample()
    while sample.asked < count and asyncio.get_running_loop().time() < until:
        answer = await gateway.ask()
        sample.asked += 1
        if answer is not None:
            sample.times_ms.append(answer.rtt_us / 1000)
        elif not sample.times_ms:
            break
        await asyncio.sleep(_PACE_S)
    return sample


async def neighbour(address: str, interface: str, *, within_s: float) -> bool | None:
    """Tell whether a neighbour answers for its link address, after packets were sent to it; None: no telling."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    known = neighbours.answers(address, interface)
    while known is None and loop.time() < until:  # the kernel tells nobody when it knows
        await asyncio.sleep(_LOOK_S)
        known = neighbours.answers(address, interface)
    return known


async def peer(url: PeerUrl, address: str, *, timeout_s: float, near: int) -> Knock:
    """Ask the peer itself at its own port, once."""
    if url.engine == "stamp":
        return await _reflected(address, url.port, timeout_s)
    return await _connected((address, url.port), timeout_s, near)


async def others(places: Sequence[tuple[str, int]], seen: Seen, *, timeout_s: float) -> bool | None:
    """Tell whether any other destination (name or address, port) takes or refuses a TCP connection.

    None if there is none to ask: a name without an address of this family, or that nobody could look up, says nothing
    about the way; nor does the address of `seen`.
    """
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_other(place, seen, timeout_s), name=f"other {place[0]}") for place in places]
    told = [task.result() for task in asked if task.result() is not None]
    return any(told) if told else None


async def _other(place: tuple[str, int], seen: Seen, timeout_s: float) -> bool | None:
    family: Family = "ipv6" if ":" in seen.address else "ipv4"
    try:
        address = (await resolve(place[0], family, timeout_s=timeout_s))[0]
    except Failed:
        return None
    if address == seen.address:
        return None
    return (await _connected((address, place[1]), timeout_s, seen.near)).rtt_ms is not None


async def _connected(place: tuple[str, int], timeout_s: float, near: int) -> Knock:
    """One TCP connection, taken or reset by the address itself; and beside it one that cannot come beyond the site."""
    async with asyncio.TaskGroup() as group:
        far = group.create_task(_syn(place, _FAR, timeout_s), name="far")
        nearer = group.create_task(_syn(place, near, timeout_s), name="near") if near else None
    faked = nearer is not None and nearer.result().rtt_ms is not None
    return Knock() if faked else far.result()


async def _syn(place: tuple[str, int], hops: int, timeout_s: float) -> Knock:
    address, port = place
    try:
        with contextlib.closing(SynFlow(address, port=port, source_port=0)) as flow:
            heard, start = await flow.ask(hops, timeout_s=timeout_s)
    except OSError:
        return Knock()
    if heard is None:
        return Knock(silent=True)
    if heard.complaint is not None and heard.complaint.address != address:
        return Knock()
    return Knock(max(1, heard.at_ns - start.monotonic_ns) / 1e6)


async def _reflected(address: str, port: int, timeout_s: float) -> Knock:
    """One STAMP packet; any answer is one."""
    loop = asyncio.get_running_loop()
    packet = stamp.SenderPacket(1, 1, 1, int.from_bytes(os.urandom(2), "big"))
    with contextlib.closing(socket.socket(family_of(address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)) as sock:
        begun = loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                sock.connect(name_of(address, port))
                await loop.sock_sendall(sock, stamp.encode_sender(packet))
                await loop.sock_recv(sock, 2048)
        except TimeoutError:
            return Knock(silent=True)
        except OSError:
            return Knock()
        return Knock((loop.time() - begun) * 1000)
