"""LibreSpeed's protocol, plain HTTP: `garbage` down, `empty` up, from a server or the best of a list of servers.

Source: librespeed/speedtest, speedtest_worker.js and backend/ (facts/protocols.md, 3). A peer URL that ends in `.json`
is a list, as is `servers.php`; any other is a server's base. Figures are goodput: LibreSpeed's own pages add 6 %.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import msgspec

from agent.errors import Failed
from agent.net.resolve import Family, choose_family, resolve
from agent.speed.engine import Engine, Leg, Target, Transfer, Wanted
from agent.speed.http_flows import Flows
from agent.speed.http_load import Server
from agent.speed.http_message import refusal
from agent.speed.http_page import Page, page
from agent.wire.codec import HOSTILE
from agent.wire.failure import Reason, Stage

STREAMS: Final = 4
PAGE_S: Final = 10.0
PING_S: Final = 3.0
MAX_SERVERS: Final = 200
MAX_TARGETS: Final = 5
_AT_ONCE: Final = 10
_MAX_NAME: Final = 100
_MAX_PATH: Final = 500
_NOT_FOUND: Final = 404
_LISTS: Final = (".json", "servers.php")
# As PHP has them, as the other backends have them; and both where the base of a page was given.
_NAMES: Final = (
    ("garbage.php", "empty.php"),
    ("garbage", "empty"),
    ("backend/garbage.php", "backend/empty.php"),
    ("backend/garbage", "backend/empty"),
)


class Entry(msgspec.Struct):
    """One server of a list; other fields are not used."""

    server: str
    name: str = ""
    download: str = msgspec.field(default="garbage.php", name="dlURL")
    upload: str = msgspec.field(default="empty.php", name="ulURL")
    ping: str = msgspec.field(default="empty.php", name="pingURL")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server and what its ping said: the round trip, or why it cannot be used."""

    target: Target
    rtt_us: float | None = None
    failed: Failed | None = None


async def find(wanted: Wanted) -> Sequence[Target]:
    """The server of the URL, with the names that its paths have; or those of the list that answer, nearest first.

    Raises Failed if nothing there is a LibreSpeed server.
    """
    url = wanted.url
    base = Target(url.host, url.port, url.secure)
    if url.path.endswith(_LISTS):
        listed = await _ask(base, url.path, wanted, timeout_s=PAGE_S)
        refused = refusal(listed.exchange, page_allowed=True)
        if refused is not None:
            raise refused
        return await nearest(targets(listed.body, secure=url.secure), wanted)
    return [await _named(base, url.path or "/", wanted)]


async def _named(base: Target, path: str, wanted: Wanted) -> Target:
    """Find out how the server calls its paths, by its ping."""
    folder = path if path.endswith("/") else f"{path}/"
    for garbage, empty in _NAMES:
        answer = await _ask(base, folder + empty, wanted, timeout_s=PAGE_S)
        if answer.exchange.status == _NOT_FOUND:
            continue
        _check(answer)
        return replace(base, paths={"download": folder + garbage, "upload": folder + empty})
    raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"no LibreSpeed server under {folder}: HTTP 404 for empty.php")


def targets(text: bytes, *, secure: bool) -> list[Target]:
    """Read a list of servers; those without a scheme of their own are `secure` as the list was.

    Raises Failed if it is no list; single entries that cannot be used are left out.
    """
    try:
        rows = msgspec.json.decode(text, type=list[msgspec.Raw])
    except HOSTILE as error:
        page_came = text.lstrip()[:1] == b"<"
        reason = Reason.CAPTIVE_PORTAL if page_came else Reason.PROTOCOL
        raise Failed(Stage.HANDSHAKE, reason, f"not a list of servers: {error}") from error
    found = [target for row in rows[:MAX_SERVERS] if (target := _target(row, secure=secure)) is not None]
    if not found:
        raise Failed(Stage.PEER, Reason.PROTOCOL, "the list names no server that can be used")
    return found


def _target(row: msgspec.Raw, *, secure: bool) -> Target | None:
    try:
        entry = msgspec.json.decode(row, type=Entry)
        scheme = "https" if secure else "http"
        server = entry.server if "//" in entry.server else f"//{entry.server}"
        parts = urlsplit(f"{scheme}:{server}" if server.startswith("//") else server)
        port = parts.port
    except (*HOSTILE, ValueError):
        return None
    host = parts.hostname or ""
    folder = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    paths = {"download": folder + entry.download, "upload": folder + entry.upload, "ping": folder + entry.ping}
    fits = parts.scheme in {"http", "https"} and _is_plain(host) and "@" not in parts.netloc and port != 0
    if not fits or not all(_is_plain(path) for path in paths.values()):
        return None
    name = "".join(letter for letter in entry.name if letter.isprintable())[:_MAX_NAME]
    secured = parts.scheme == "https"
    return Target(host, port or (443 if secured else 80), secured, name or None, paths)


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _MAX_PATH and text.isascii() and text.isprintable() and " " not in text


async def nearest(listed: Sequence[Target], wanted: Wanted) -> list[Target]:
    """Ping all of them, some at a time; give the best that answer as they should, by their round trip.

    Raises what the first of them said if none does.
    """
    if wanted.tls is None and any(target.secure for target in listed):
        wanted = replace(wanted, tls=ssl.create_default_context())
    slots = asyncio.Semaphore(_AT_ONCE)
    candidates: list[Candidate] = []

    async def try_one(target: Target) -> None:
        async with slots:
            candidates.append(await _ping(target, wanted))

    async with asyncio.TaskGroup() as group:
        for number, target in enumerate(listed):
            group.create_task(try_one(target), name=f"ping of server {number}")
    good = sorted((one for one in candidates if one.failed is None), key=lambda one: one.rtt_us or 1e9)
    if not good:
        raise next(one.failed for one in candidates if one.failed is not None)
    return [one.target for one in good[:MAX_TARGETS]]


async def _ping(target: Target, wanted: Wanted) -> Candidate:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        answer = await _ask(target, target.paths["ping"], wanted, timeout_s=PING_S)
        _check(answer)
    except Failed as failed:
        return Candidate(target, failed=failed)
    return Candidate(target, answer.rtt_us or (loop.time() - begun) * 1e6)


def _check(answer: Page) -> None:
    """A ping is answered with nothing; with something it is not LibreSpeed's, or its server is down."""
    refused = refusal(answer.exchange, page_allowed=not answer.body)
    if refused is not None:
        raise refused
    if answer.body:
        raise Failed(Stage.PEER, Reason.PROTOCOL, f"the ping was answered with {len(answer.body)} bytes, not with none")


async def _ask(target: Target, path: str, wanted: Wanted, *, timeout_s: float) -> Page:
    family: Family = wanted.family or await choose_family(target.host, timeout_s=timeout_s)
    address = (await resolve(target.host, family, timeout_s=timeout_s))[0]
    return await page(_server(target, address, wanted.tls), path, timeout_s=timeout_s)


def _server(target: Target, address: str, tls: ssl.SSLContext | None) -> Server:
    # A list that came over plain HTTP may name servers with TLS.
    context = (tls or ssl.create_default_context()) if target.secure else None
    return Server(address, target.port, target.host, context)


async def run(leg: Leg) -> Transfer:
    """Move load over parallel requests; see `Engine`."""
    return await Flows(leg, _server(leg.target, leg.address, leg.tls)).run()


ENGINE: Final = Engine(find=find, run=run, streams=STREAMS)
