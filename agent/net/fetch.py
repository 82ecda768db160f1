"""One page, step by step: name, connection, TLS, first byte, last byte; each step timed, and named if it fails.

One attempt at one address in one family. Redirects are followed by the rule of `agent.net.web_address`, a few times;
cookies live as long as the fetch and go back only to the host that gave them: some pages set one and send us back.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult

import h11

from agent.errors import Failed
from agent.net.certificate import CertificateError, Validity, validity
from agent.net.connect import connect
from agent.net.failures import failed
from agent.net.http_exchange import READ_BYTES, Arrival, Wish, exchange
from agent.net.interfaces import has_global_ipv6, interface_to
from agent.net.resolve import Family, literal_family, resolve
from agent.net.web_address import REDIRECTS, parse, port_of, redirected, refuse_inward
from agent.wire.failure import Failure, Reason, Stage

_INSPECTION_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How to fetch: the family (None: as the device would choose), whom to trust, and the bounds.

    `step_s`: for each of name, connection, TLS and first byte; `total_s`: for all together, redirects too. `inspect`:
    after a certificate was refused, connect once more only to read it, in what is left of the time.
    """

    family: Family | None = None
    tls: ssl.SSLContext | None = None
    step_s: float = 5.0
    total_s: float = 15.0
    max_bytes: int = 512 * 1024
    keep_bytes: int = 0
    redirects: int = 5
    accept: str = "*/*"
    inspect: bool = False


@dataclass(slots=True)
class Fetched:
    """What came of it. The steps are those of the last address asked; `total_ms` is all together, of a whole answer.

    `stage`: the step that it is in, or ended in. `certificate`: of one that was refused too.
    """

    url: str
    stage: Stage = Stage.RESOLVE
    family: Family | None = None
    address: str | None = None
    resolve_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    total_ms: float | None = None
    redirects: int = 0
    certificate: Validity | None = None
    arrival: Arrival = field(default_factory=Arrival)
    failure: Failure | None = None
    first_address: str | None = None


async def fetch(url: str, terms: Terms) -> Fetched:
    """Fetch a page; what fails is in the answer."""
    got = Fetched(url)
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(terms.total_s):
            await _follow(got, terms)
        got.total_ms = _since(begun)
    except Failed as error:
        got.failure = error.failure
    except h11.RemoteProtocolError as error:
        got.failure = Failure(got.stage, Reason.PROTOCOL, f"not an HTTP answer: {error}"[:500])
    except (OSError, EOFError) as error:
        got.failure = _named(got.stage, error)
    if terms.inspect and got.failure is not None and got.failure.reason == Reason.BAD_CERTIFICATE:
        left_s = begun + terms.total_s - asyncio.get_running_loop().time()
        got.certificate = await _inspected(got, min(_INSPECTION_S, left_s))
    return got


def _named(stage: Stage, error: OSError | EOFError) -> Failure:
    if isinstance(error, TimeoutError) and error.errno is None:
        return Failure(stage, Reason.TIMEOUT, "no end in time" if stage is Stage.TRANSFER else "no answer in time")
    return failed(stage, error).failure


async def _follow(got: Fetched, terms: Terms) -> None:
    """Ask, and go where the answer sends us."""
    jars: dict[str, dict[str, str]] = {}
    while True:
        parts = parse(got.url)
        jar = jars.setdefault(parts.netloc, {})
        await _ask(got, parts, terms, jar)
        location = got.arrival.headers.get("location")
        if got.arrival.status not in REDIRECTS or location is None or not terms.redirects:
            return
        if got.redirects == terms.redirects:
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"sent on more than {terms.redirects} times")
        jar |= got.arrival.cookies
        got.stage = Stage.HANDSHAKE
        got.url = redirected(got.url, location)
        got.redirects += 1


async def _ask(got: Fetched, parts: SplitResult, terms: Terms, jar: dict[str, str]) -> None:
    """Take one address from its name to the last byte of its answer."""
    secure_before = got.tls_ms is not None
    got.stage, got.arrival = Stage.RESOLVE, Arrival()
    got.connect_ms = got.tls_ms = got.certificate = got.address = None
    got.address = address = await _find(got, parts.hostname or "", terms)
    refuse_inward(got.first_address or address, address, secure=secure_before)
    got.first_address = got.first_address or address
    async with _connected(got, parts, terms) as (reader, writer):
        got.stage = Stage.HANDSHAKE
        wish = Wish(terms.accept, terms.max_bytes, terms.keep_bytes, terms.step_s, jar)
        try:
            await exchange(reader, writer, parts, wish, got.arrival)
        finally:
            if got.arrival.status is not None:
                got.stage = Stage.TRANSFER


async def _find(got: Fetched, host: str, terms: Terms) -> str:
    """Give the name an address: of the family asked for, else IPv6 where device and name have it."""
    begun = asyncio.get_running_loop().time()
    literal = literal_family(host)
    got.family = terms.family or literal
    address = None
    if got.family is None and has_global_ipv6():
        with contextlib.suppress(Failed):
            address = (await resolve(host, "ipv6", timeout_s=terms.step_s))[0]
    if address is not None and interface_to(address) is not None:
        got.family = "ipv6"
    else:
        got.family = got.family or "ipv4"
        address = (await resolve(host, got.family, timeout_s=terms.step_s))[0]
    got.resolve_ms = None if literal else _since(begun)
    return address


@contextlib.asynccontextmanager
async def _connected(
    got: Fetched, parts: SplitResult, terms: Terms
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    got.stage = Stage.CONNECT
    begun = loop.time()
    sock = await connect(got.address or "", port_of(parts), timeout_s=terms.step_s)
    got.connect_ms = _since(begun)
    context = (terms.tls or ssl.create_default_context()) if parts.scheme == "https" else None
    begun = loop.time()
    try:
        if context is not None:
            got.stage = Stage.TLS
        async with asyncio.timeout(terms.step_s):
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=parts.hostname if context else None, limit=READ_BYTES
            )
    except BaseException:
        sock.close()
        raise
    try:
        if context is not None:
            got.tls_ms = _since(begun)
            got.certificate = _validity(writer)
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _inspected(got: Fetched, within_s: float) -> Validity | None:
    """Read the certificate that was refused, if there is time; nothing is asked over that connection."""
    parts = parse(got.url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    terms = Terms(tls=context, step_s=max(0.0, within_s))
    seen = Fetched(got.url, address=got.address)
    with contextlib.suppress(Failed, OSError, EOFError):
        async with asyncio.timeout(terms.step_s), _connected(seen, parts, terms):
            pass
    return seen.certificate


def _validity(writer: asyncio.StreamWriter) -> Validity | None:
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    try:
        return validity(shown.getpeercert(binary_form=True) or b"")
    except CertificateError:
        return None


def _since(begun: float) -> float:
    return round((asyncio.get_running_loop().time() - begun) * 1000, 3)
