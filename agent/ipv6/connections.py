"""Connection checks: each family by itself, the race of both, and packets of full size both ways."""

import asyncio
import contextlib
import socket
from typing import Final

from agent.ipv6.names import lookup_again
from agent.ipv6.notes import Ground, Notes, timed
from agent.ipv6.verdict import Attempt
from agent.net import interfaces
from agent.net.connect import connect
from agent.net.happy_eyeballs import race
from agent.net.large_transfer import DOWN_BYTES, Exchange, Page, Stalled, exchange, path_mtu
from agent.net.resolve import FAMILIES, Family
from agent.net.web_address import REDIRECTS
from agent.wire.failure import Failure, Reason, Stage

OURS: Final = frozenset({"msak", "ndt7"})
"""Engines whose peers may be ours, which give a page of any size."""
_DEAF: Final = frozenset({"iperf3"})
"""A request that is none of its own holds such a server up."""
_OK: Final = 200
_AUTHENTICATION_REQUIRED: Final = 511


async def connect_each(notes: Notes) -> None:
    """Connect to the first address of each family at the same time, each with its own deadline."""
    async with asyncio.TaskGroup() as group:
        for family in notes.addresses:
            group.create_task(_connect(notes, family), name=f"connect {family}")


async def run_race(notes: Notes) -> None:
    """Let both families race as in a user's program, names included."""
    if not notes.addresses:
        return
    lookups = {family: lookup_again(notes, family) for family in FAMILIES}
    notes.race = await race(lookups, notes.ground.url.port, timeout_s=notes.ground.settings.timeout_s)
    nobody = Failure(Stage.CONNECT, Reason.TIMEOUT, f"nobody came in {notes.ground.settings.timeout_s:g} s")
    who = notes.race.winner and f"{notes.race.winner} {notes.race.address}"
    notes.check("race", None if who else notes.race.failure or nobody, ms=notes.race.ms, detail=who)


async def transfer_each(notes: Notes) -> None:
    """Move packets of full size over each family that connected."""
    if notes.ground.url.engine in _DEAF:
        return
    page = page_of(notes.ground)
    async with asyncio.TaskGroup() as group:
        for family, attempt in notes.attempts.items():
            if attempt.ok:
                group.create_task(_transfer(notes, family, page), name=f"transfer {family}")


def page_of(ground: Ground) -> Page:
    """Name the page to ask the peer for: of a size of our choice if it may be ours, else its first."""
    url, settings = ground.url, ground.settings
    path = f"/large?bytes={DOWN_BYTES}" if url.engine in OURS else url.path or "/"
    return Page(url.host, url.port, path, tls=url.secure, stall_s=settings.stall_s, connect_s=settings.timeout_s)


def is_portal(answer: Exchange) -> bool:
    """Whether an answer to our page can only be a sign-in page's: a redirect, HTTP's status for it, or a page."""
    html = answer.status == _OK and answer.content_type.startswith("text/html")
    return html or answer.status == _AUTHENTICATION_REQUIRED or answer.status in REDIRECTS


def is_genuine(answer: Exchange) -> bool:
    """Whether an answer to our page can only be our peer's."""
    return answer.status == _OK and answer.content_type.startswith("text/plain") and answer.received_bytes >= DOWN_BYTES


async def _connect(notes: Notes, family: Family) -> None:
    address, port = notes.addresses[family][0], notes.ground.url.port
    told = await timed(connect(address, port, timeout_s=notes.ground.settings.timeout_s))
    failure = _as_seen(told.failure, address)
    notes.attempts[family] = Attempt(told.ms, failure)
    notes.check(f"connect_{family}", failure, ms=told.ms, detail=address)
    if told.value is not None:
        _note_socket(notes, family, told.value)


def _as_seen(failure: Failure | None, address: str) -> Failure | None:
    """Linux says the same of a route that it has not and of a router's word that there is none: look which it was."""
    if failure is None or (failure.stage, failure.reason) != (Stage.ROUTE, Reason.NO_ROUTE):
        return failure
    if interfaces.interface_to(address) is None:
        return failure
    return Failure(Stage.CONNECT, Reason.UNREACHABLE, "a router on the way knows no route")


def _note_socket(notes: Notes, family: Family, sock: socket.socket) -> None:
    with contextlib.closing(sock), contextlib.suppress(OSError):
        notes.sources[family] = str(sock.getsockname()[0])
        if family == "ipv6":
            notes.pmtu_bytes = path_mtu(sock)


async def _transfer(notes: Notes, family: Family, page: Page) -> None:
    told = await timed(exchange(notes.addresses[family][0], page))
    answer: Exchange | None = told.value
    if answer is not None:
        notes.exchanges[family] = answer
        if family == "ipv6":
            notes.pmtu_bytes = answer.pmtu_bytes or notes.pmtu_bytes
    elif told.failure is not None:
        notes.stalls[family] = told.failure
        notes.delivered[family] = isinstance(told.error, Stalled) and told.error.delivered is True
    size = f"{answer.received_bytes} bytes came, HTTP {answer.status}" if answer else None
    notes.check(f"transfer_{family}", told.failure, ms=told.ms, detail=size)
