"""One small HTTPS GET whose whole answer is wanted: bounded in size and time, one address, certificates checked.

A redirect is followed once, and only from TLS to TLS: nobody on the way can have made that one up. Over plain HTTP it
is what a captive portal does.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from agent.errors import Failed
from agent.net.fetch import Fetched, Terms, fetch
from agent.net.web_address import REDIRECTS, redirected
from agent.wire.failure import Failure, Reason, Stage

MAX_BYTES: Final = 256 * 1024
_STEP_S: Final = 10.0
_NETWORK_AUTHENTICATION: Final = 511
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, headers by lower-case name (the last of a repeated one), and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask: over which family (None: whichever the box would use), whom to trust, and the bounds."""

    family: Literal["ipv4", "ipv6"] | None = None
    tls: ssl.SSLContext | None = None
    timeout_s: float = 15.0
    max_bytes: int = MAX_BYTES
    accept: str = "application/json"


async def get(url: str, asking: Asking | None = None) -> Answer:
    """Fetch `url`, whatever status it has.

    Raises:
        Failed: stage resolve, connect or tls as these say; `handshake:timeout` after `timeout_s` in all;
            `handshake:captive_portal` for somebody else's page; `handshake:protocol` for what is no HTTP or too much.
    """
    asking = asking or Asking()
    ends = asyncio.get_running_loop().time() + asking.timeout_s
    got = await _one(url, asking, ends)
    if got.arrival.status in REDIRECTS:
        got = await _one(_elsewhere(url, got), asking, ends)
        if got.arrival.status in REDIRECTS:
            raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"HTTP {got.arrival.status} twice")
    answer = Answer(got.arrival.status or 0, got.arrival.headers, bytes(got.arrival.body))
    _refuse_portal(answer)
    return answer


async def _one(url: str, asking: Asking, ends: float) -> Fetched:
    left_s = max(0.0, ends - asyncio.get_running_loop().time())
    terms = Terms(
        asking.family, asking.tls, min(_STEP_S, left_s), left_s, asking.max_bytes, asking.max_bytes, redirects=0
    )
    got = await fetch(url, replace(terms, accept=asking.accept))
    if got.failure is not None:
        raise _as_ours(got.failure, asking)
    if not got.arrival.whole:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"an answer of more than {asking.max_bytes} bytes")
    return got


def _as_ours(failure: Failure, asking: Asking) -> Failed:
    """For whoever wants an answer and no page, all that comes after TLS is one step, and so is running out of time."""
    late = failure.reason == Reason.TIMEOUT and failure.stage in {Stage.HANDSHAKE, Stage.TRANSFER}
    stage = Stage.HANDSHAKE if failure.stage == Stage.TRANSFER else Stage(failure.stage)
    detail = f"no whole answer in {asking.timeout_s:g} s" if late else failure.detail
    return Failed(stage, Reason(failure.reason), detail)


def _elsewhere(url: str, got: Fetched) -> str:
    where = got.arrival.headers.get("location", "")
    try:
        target = redirected(url, where)
    except Failed:
        target = ""
    if not (url.startswith("https:") and target.startswith("https:")):
        said = f"HTTP {got.arrival.status}, sent to {where[:200] or 'nowhere'}"
        raise Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, said)
    return target


def _refuse_portal(answer: Answer) -> None:
    page = answer.headers.get("content-type", "").lower().startswith("text/html")
    if answer.status == _NETWORK_AUTHENTICATION or (page and answer.status == _OK):
        raise Failed(Stage.HANDSHAKE, Reason.CAPTIVE_PORTAL, f"HTTP {answer.status}, a page instead of an answer")
