"""Pages of public services, step by step from name to last byte, and whether a captive portal stands in between.

Peer: none. One page after another, each once, over HTTP/1.1, in the family asked for, else as the device would choose
(IPv6 where it and the name have it). Every step has its own time in milliseconds and its own failure: name, connection,
TLS, first byte, rest. Redirects are followed, at most 5, to web addresses only and never from the world into this
network; cookies live no longer than the page. The body is asked for uncompressed, and read up to `page_bytes`. An HTTP
status from 400 on is a failure at stage `peer`. `certificate_days` is told of a refused certificate too, for which it
is connected once more; it is absent while the clock is not set.

The portal check asks pages over plain HTTP whose answer is known: 204, or a short text. Who gives another one is it.
One right answer proves the way open. While a portal was seen last, every report of any kind carries the doubt
`captive_portal`: until a check says that it is gone, at most a day. `domain` names a page's own part only where another
page answered, or for the one page while the way is open; what spoils every page (names, clock, filter) names nobody.

Options: lists by commas or spaces. `pages` (public services of Vietnam; at most 20); `portal_url` (two of Debian's and
Mozilla's; our own peer has http://HOST:8080/generate_204; `none`: not checked); `timeout` (5 s, each step);
`page_timeout` (15 s, each page in all); `page_bytes` (524288); `ca` (trust this file's authorities, not the system's).
`max_seconds` (100 s) and `max_bytes` are shared out among the pages; the portal check takes at most a tenth more.
"""

import ssl
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.clock import is_set
from agent.errors import Failed, UsageError
from agent.net import captive_portal, interfaces
from agent.net.captive_portal import CHECKS, Finding
from agent.net.domain import Domain, Reach, domain
from agent.net.fetch import Fetched, Terms, fetch
from agent.net.public_services import PAGES
from agent.net.web_address import parse
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.web import Page, Web

_OPTIONS: Final = ("ca", "page_bytes", "page_timeout", "pages", "portal_url", "timeout")
_PAGES_MAX: Final = 20
_CHECKS_MAX: Final = 4
_BUDGET_S: Final = 100.0
_CHECK_SHARE: Final = 0.05  # of the budget, and beside it
_DAY_S: Final = 86_400
_TEXT: Final = 200
_FAULTY: Final = 400
_STATUSES: Final = {
    401: Reason.PROHIBITED,
    403: Reason.PROHIBITED,
    407: Reason.PROHIBITED,
    429: Reason.BUSY,
    451: Reason.PROHIBITED,
    503: Reason.BUSY,
    511: Reason.CAPTIVE_PORTAL,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of this kind. `check_s`: for each of the two steps of the portal check."""

    pages: tuple[str, ...]
    portal_urls: tuple[str, ...]
    terms: Terms
    check_s: float
    ca: Path | None = None

    @property
    def seconds(self) -> float:
        """How long a run may take."""
        return len(self.pages) * self.terms.total_s + (2 * self.check_s if self.portal_urls else 0)


async def probe(task: Task) -> Outcome:
    """Look for a portal, then fetch every page.

    Raises:
        UsageError: a wrong option, or a file of authorities that cannot be read.
        Failed: stage `device`, no_interface: nothing at all to measure on. All else is in the result.
    """
    settings = planned(task)
    terms = replace(settings.terms, family=task.family, tls=_context(settings.ca), inspect=True)
    if not interfaces.has_interface():
        raise Failed(Stage.DEVICE, Reason.NO_INTERFACE, "no network interface is up")
    task.progress(Progress(0.0, "portal"))
    portal = Finding(portal=None)
    if settings.portal_urls:
        portal = await captive_portal.detect(settings.portal_urls, timeout_s=settings.check_s, family=task.family)
    pages = []
    for count, url in enumerate(settings.pages, 1):
        got = await fetch(url, terms)
        pages.append(_page(url, got, task.at))
        task.progress(Progress(count / len(settings.pages), "pages", count, f"/ {len(settings.pages)}"))
    return _outcome(task, pages, portal)


def planned(task: Task) -> Settings:
    """Read the options, and share the budgets out; raises UsageError."""
    given = task.options
    options.check_names("web", given, _OPTIONS)
    pages = _urls(given.get("pages"), "pages", PAGES, _PAGES_MAX)
    if not pages:
        raise UsageError("web option pages: name at least one")
    page_s = options.number("web", given, "page_timeout", bounds=(0.1, 300), default=15.0)
    page_bytes = options.whole_number("web", given, "page_bytes", bounds=(1024, 1 << 30), default=512 * 1024)
    if task.max_bytes is not None:
        page_bytes = min(page_bytes, max(1, task.max_bytes // len(pages)))
    budget_s = task.max_seconds or _BUDGET_S
    page_s = min(page_s, budget_s / len(pages))
    step_s = options.number("web", given, "timeout", bounds=(0.05, 60), default=5.0)
    return Settings(
        pages=pages,
        portal_urls=_urls(given.get("portal_url"), "portal_url", CHECKS, _CHECKS_MAX, scheme="http"),
        terms=Terms(step_s=min(step_s, page_s), total_s=page_s, max_bytes=page_bytes),
        check_s=min(step_s, budget_s * _CHECK_SHARE),
        ca=Path(given["ca"]) if "ca" in given else None,
    )


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"web option ca: {ca} cannot be read: {error}") from error


def _page(url: str, got: Fetched, at: datetime | None) -> Page:
    status, arrival = got.arrival.status, got.arrival
    failure = got.failure
    if failure is None and status is not None and status >= _FAULTY:
        failure = Failure(Stage.PEER, _STATUSES.get(status, Reason.PROTOCOL), f"HTTP {status}")
    whole = failure is None and arrival.whole
    return Page(
        url=url[:_TEXT],
        family=got.family,
        address=got.address,
        status=status,
        resolve_ms=got.resolve_ms,
        connect_ms=got.connect_ms,
        tls_ms=got.tls_ms,
        first_byte_ms=_ms(arrival.first_byte_s),
        total_ms=got.total_ms if whole else None,
        bytes=arrival.size if status is not None else None,
        certificate_days=_days(got, at),
        redirects=got.redirects or None,
        failure=failure,
        cut=True if failure is None and not arrival.whole else None,
    )


def _days(got: Fetched, at: datetime | None) -> float | None:
    if got.certificate is None or at is None or not is_set(at):
        return None
    return round((got.certificate.ends - at).total_seconds() / _DAY_S, 2)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _outcome(task: Task, pages: Sequence[Page], portal: Finding) -> Outcome:
    good = [page for page in pages if page.failure is None]
    days = [page.certificate_days for page in pages if page.certificate_days is not None]
    whole = [page for page in good if page.total_ms is not None]
    result = Web(
        ok=len(good),
        failed=len(pages) - len(good),
        total_ms=_median([page.total_ms for page in whole]),
        first_byte_ms=_median([page.first_byte_ms for page in whole]),
        captive_portal=portal.portal,
        portal_url=portal.url,
        certificate_days_least=min(days, default=None),
        domain=_domain(pages, portal, routed=has_way_out()),
        pages=list(pages),
        portal_how=portal.how,
    )
    # One page that misbehaves while the way is proven open is that page's matter, and says nothing of all else.
    walled = portal.portal is None and any(
        page.failure is not None and page.failure.reason == Reason.CAPTIVE_PORTAL for page in pages
    )
    used = next((page.address for page in [*good, *pages] if page.address), None)
    return Outcome(
        result=result,
        family=task.family,
        link=interfaces.link_to(used) if used else None,
        doubts=(Doubt.CAPTIVE_PORTAL,) if portal.portal or walled else (),
    )


def has_way_out() -> bool:
    """Whether this device has a default route of any family."""
    return interfaces.default_route_v4() is not None or interfaces.default_route_v6() is not None


def _domain(pages: Sequence[Page], portal: Finding, *, routed: bool) -> Domain | None:
    """Tell whose part fails: without any route this network; else where some pages answer and others do not, those.

    Where none answers, several owners did not fail at once, and what is wrong with names, this device's clock, or a
    filter that opens encryption shows on every page: then nobody is named. The portal check proves the way open for one
    page alone, if that failed otherwise.
    """
    failures = [page.failure for page in pages if page.failure is not None]
    if not failures or portal.portal:
        return None
    if all(failure.reason == Reason.NO_ROUTE for failure in failures) and len(failures) == len(pages):
        return None if routed else domain(Reach(device=False, target=False))
    alone = len(pages) == 1 and failures[0].stage in {Stage.CONNECT, Stage.HANDSHAKE, Stage.TRANSFER}
    answered = any(page.status is not None for page in pages) or (alone and portal.portal is False)
    return domain(Reach(device=True, others=True if answered else None, target=False))


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None


def _urls(text: str | None, option: str, default: tuple[str, ...], most: int, *, scheme: str = "") -> tuple[str, ...]:
    if text is None:
        return default
    urls = options.words(text)
    if len(urls) > most:
        raise UsageError(f"web option {option}: at most {most} addresses, not {len(urls)}")
    for url in urls:
        try:
            parts = parse(url)
        except Failed as error:
            hint = (
                "" if "://" in url else f"; write https://{url[:60]}/" if not scheme else f"; write http://{url[:60]}/"
            )
            raise UsageError(f"web option {option}: {error.failure.detail}{hint}") from error
        # The address is part of every report, and a portal answers for plain HTTP only.
        if "@" in parts.netloc or (scheme and parts.scheme != scheme) or len(url) > _TEXT:
            raise UsageError(f"web option {option}: {url[:60]!r}: {_WANTED[option]}, at most {_TEXT} characters")
    return tuple(urls)


_WANTED: Final = {
    "pages": "an http or https address without user name or password",
    "portal_url": "an address of plain http, because a portal cannot answer for https",
}
