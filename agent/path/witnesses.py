"""Who else can say where the way breaks: the first router and the provider's, the peer at its own port, and others."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Final

from agent.errors import Failed
from agent.evidence.gateway import PORTS, Gateway
from agent.net import neighbours, stamp
from agent.net.flows import SynFlow, family_of, name_of
from agent.net.interfaces import Route
from agent.net.peer_url import PeerUrl
from agent.net.resolve import Family, resolve
from agent.path.judgement import Sample

NEIGHBOUR_S: Final = 9.0
"""Linux takes 5 s until it doubts a neighbour that it used lately, and asks three times, a second apart."""
_KINDS: Final[tuple[tuple[int, ...], ...]] = ((), (), PORTS)
_PACE_S: Final = 0.05
_LOOK_S: Final = 0.25
_FAR: Final = 64
"""Hops to live of a packet that is meant to arrive."""


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


async def neighbour(route: Route, *, within_s: float) -> bool | None:
    """Tell whether the first router answers for its link address, after packets were sent to it; None: no telling."""
    if route.gateway is None:
        return None
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    known = neighbours.answers(route.gateway, route.interface)
    while known is None and loop.time() < until:  # the kernel tells nobody when it knows
        await asyncio.sleep(_LOOK_S)
        known = neighbours.answers(route.gateway, route.interface)
    return known


async def peer(url: PeerUrl, address: str, *, timeout_s: float) -> float | None:
    """Ask the peer itself at its own port, once: the round trip in ms; None without an answer of any kind."""
    if url.engine == "stamp":
        return await _reflected(address, url.port, timeout_s)
    return await _connected(address, url.port, timeout_s)


async def others(places: Sequence[tuple[str, int]], family: Family, besides: str, *, timeout_s: float) -> bool | None:
    """Tell whether any other destination (name or address, port) takes or refuses a TCP connection.

    None if there is none to ask: a name without an address of this family, or that nobody could look up, says nothing
    about the way; nor does the address `besides`.
    """
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(_other(place, family, besides, timeout_s), name=f"other {place[0]}") for place in places
        ]
    told = [task.result() for task in asked if task.result() is not None]
    return any(told) if told else None


async def _other(place: tuple[str, int], family: Family, besides: str, timeout_s: float) -> bool | None:
    try:
        address = (await resolve(place[0], family, timeout_s=timeout_s))[0]
    except Failed:
        return None
    return None if address == besides else await _connected(address, place[1], timeout_s) is not None


async def _connected(address: str, port: int, timeout_s: float) -> float | None:
    """The round trip of one TCP connection, taken or reset by the address itself; what a router says is no answer."""
    try:
        with contextlib.closing(SynFlow(address, port=port, source_port=0)) as flow:
            heard, start = await flow.ask(_FAR, timeout_s=timeout_s)
    except OSError:
        return None
    if heard is None or (heard.complaint is not None and heard.complaint.address != address):
        return None
    return max(1, heard.at_ns - start.monotonic_ns) / 1e6


async def _reflected(address: str, port: int, timeout_s: float) -> float | None:
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
        except OSError:
            return None
        return (loop.time() - begun) * 1000
