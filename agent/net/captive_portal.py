"""Is a captive portal in the way: a sign-in page that answers in place of everybody, until somebody signs in?

Nothing tells for sure: RFC 8910 lets a network announce its portal by DHCP or router advertisement, which few do and an
ordinary program does not see. So pages are asked for over plain HTTP whose answer is known beforehand: 204, or one of
a few short texts. Whoever gives another answer stands in between; one answer as it should be proves the way open.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from agent.errors import Failed
from agent.net.fetch import Fetched, Terms, fetch
from agent.net.resolve import Family, resolve
from agent.net.web_address import REDIRECTS, parse, redirected
from agent.wire.failure import Failure, Reason, Stage

How = Literal["redirect", "page", "status", "dns"]

CHECKS: Final = ("http://network-test.debian.org/nm", "http://detectportal.firefox.com/success.txt")
"""Two owners: a name that one of them gives up is no portal. Our own peer answers too, at /generate_204."""
TEXTS: Final = ("NetworkManager is online", "success", "Microsoft Connect Test", "Microsoft NCSI")
_NO_CONTENT: Final = 204
_OK: Final = 200
_AUTHENTICATION_REQUIRED: Final = 511
_FAULTY: Final = 400
_KEEP_BYTES: Final = 64
_URL_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a portal stands there; None: nobody could be asked, `failure` says why.

    `url`: where it sends people, else the page that it answered for. `how` it gave itself away: by a redirect, by a
    page of its own, by HTTP's status for it (511), or by a name server that gives one address for every name.
    """

    portal: bool | None
    url: str | None = None
    how: How | None = None
    failure: Failure | None = None


class LookUp(Protocol):
    """How to find the addresses of a name; raises Failed if it has none."""

    async def __call__(self, host: str, family: Family, /, *, timeout_s: float) -> list[str]:
        """As `agent.net.resolve.resolve`."""


async def detect(
    urls: Sequence[str] = CHECKS, *, timeout_s: float = 5.0, family: Family | None = None, look_up: LookUp = resolve
) -> Finding:
    """Ask all `urls` at the same time, once each, within twice `timeout_s`; never raises."""
    terms = Terms(
        family, step_s=timeout_s, total_s=timeout_s, max_bytes=_KEEP_BYTES, keep_bytes=_KEEP_BYTES, redirects=0
    )
    found: dict[str, Fetched] = {}

    async def ask(url: str) -> None:
        found[url] = await fetch(url, terms)

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(ask(url), name=f"portal check {url}")
    finding = verdict([reading(found[url]) for url in urls])
    if finding.portal is None and await _names_lead_to_one_place(urls, family or "ipv4", timeout_s, look_up):
        return Finding(portal=True, how="dns", failure=finding.failure)
    return finding


def reading(got: Fetched) -> Finding:
    """Say what the answer to one check means."""
    if got.failure is not None:
        return Finding(portal=None, failure=got.failure)
    status, answer = got.arrival.status or 0, got.arrival
    if status == _NO_CONTENT or (status == _OK and answer.body.decode("latin-1").strip() in TEXTS):
        return Finding(portal=False)
    if status in REDIRECTS:
        return _sent_on(got)
    if status == _AUTHENTICATION_REQUIRED:
        return Finding(portal=True, url=got.url[:_URL_LENGTH], how="status")
    if status >= _FAULTY:
        # A site that is down answers so too, and a portal wants to be seen.
        return Finding(portal=None, failure=Failure(Stage.PEER, Reason.PROTOCOL, f"HTTP {status}"))
    return Finding(portal=True, url=got.url[:_URL_LENGTH], how="page")


def verdict(findings: Sequence[Finding]) -> Finding:
    """Sum up: one way open is open; else one portal is a portal; else it is not known."""
    for wanted in (False, True, None):
        for finding in findings:
            if finding.portal is wanted:
                return finding
    return Finding(portal=None)


def _sent_on(got: Fetched) -> Finding:
    try:
        target = redirected(got.url, got.arrival.headers.get("location", ""))
    except Failed as error:
        return Finding(portal=None, failure=error.failure)
    if _is_same_site(parse(target).hostname or "", parse(got.url).hostname or ""):
        # The site itself has moved, most likely to https or to its www.
        return Finding(portal=None, failure=Failure(Stage.PEER, Reason.PROTOCOL, f"moved to {target[:_URL_LENGTH]}"))
    return Finding(portal=True, url=target[:_URL_LENGTH], how="redirect")


def _is_same_site(one: str, other: str) -> bool:
    """Whether these are one name, or one of them stands under the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


async def _names_lead_to_one_place(urls: Sequence[str], family: Family, timeout_s: float, look_up: LookUp) -> bool:
    """Whether the resolver gives a name that cannot exist the address of one that it was asked for here."""
    nobody = f"{os.urandom(6).hex()}.invalid"
    hosts = [parse(url).hostname or "" for url in urls]
    found: dict[str, set[str]] = {}

    async def ask(host: str) -> None:
        try:
            found[host] = set(await look_up(host, family, timeout_s=timeout_s))
        except Failed:
            found[host] = set()

    async with asyncio.TaskGroup() as group:
        for host in {nobody, *hosts}:
            group.create_task(ask(host), name=f"resolve {host}")
    return any(found[nobody] & found[host] for host in hosts)
