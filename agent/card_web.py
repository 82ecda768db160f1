"""The card of pages: which came, how fast, at which step the others ended, and whether a portal is in the way. Pure."""

from collections.abc import Iterable
from typing import Final

from agent.card_row import Row
from agent.wire.failure import Failure
from agent.wire.web import Page, Web
from agent.words import Language, say
from agent.words_services import advise

_DOT: Final = " · "
_SOON_DAYS: Final = 21
_FAMILIES: Final = {"ipv4": "IPv4", "ipv6": "IPv6"}


def rows(result: Web, tongue: Language) -> list[Row]:
    """Say how many pages came, then each one, then the portal, then what to check."""
    total = "" if result.total_ms is None else f"{say('median', tongue)} {result.total_ms:.0f} ms"
    came = say("web:came", tongue).format(result.ok, result.ok + result.failed)
    pages = _pages(result.pages or [], tongue)
    return [
        Row(say("state", tongue), _joined((came, total)), "figure"),
        *(Row("" if place else say("pages", tongue), line) for place, line in enumerate(pages)),
        Row(say("portal", tongue), _portal(result, tongue)),
        Row(say("fault", tongue), say(f"part:{result.domain}", tongue) if result.domain else "", "doubt"),
        Row(say("check", tongue), _advice(result, tongue)),
    ]


def _pages(pages: list[Page], tongue: Language) -> list[str]:
    """One line a page; those of which the very same is said, as where no name is found, go on one."""
    alike: dict[str, list[Page]] = {}
    for page in pages:
        said = _joined(_failed(page, page.failure, tongue)) if page.failure else page.url
        alike.setdefault(said, []).append(page)
    lines = []
    for said, group in alike.items():
        names = [_name(page) for page in group]
        if group[0].failure is None:
            lines.append(f"✓ {_joined(_came(group[0], tongue))}")
        else:
            lines.append(f"✗ {names[0]}  {said}" if len(names) == 1 else f"✗ {said}: {', '.join(names)}")
    return lines


def _name(page: Page) -> str:
    return page.url.partition("://")[2].rstrip("/")


def _failed(page: Page, failure: Failure, tongue: Language) -> Iterable[str]:
    return (_why(failure, tongue), _days(page, tongue, always=True), _FAMILIES.get(page.family or "", ""))


def _came(page: Page, tongue: Language) -> Iterable[str]:
    return (
        f"{_name(page)}  {page.total_ms:.0f} ms" if page.total_ms is not None else _name(page),
        "" if page.first_byte_ms is None else say("web:first_byte", tongue).format(f"{page.first_byte_ms:.0f}"),
        _size(page, tongue),
        _days(page, tongue),
        say("web:redirects", tongue).format(page.redirects) if page.redirects else "",
        _FAMILIES.get(page.family or "", ""),
    )


def _why(failure: Failure, tongue: Language) -> str:
    """The step and the reason; of an answer with an error its number says more than our word for it."""
    if failure.stage == "peer" and failure.detail:
        return failure.detail
    where, reason = say(f"stage:{failure.stage}", tongue), say(f"reason:{failure.reason}", tongue)
    if failure.stage in {"connect", "handshake"}:
        where = say(f"web:stage:{failure.stage}", tongue)
    detail = f" ({failure.detail})" if failure.detail and failure.reason == "bad_certificate" else ""
    return f"{where}: {reason}{detail}"


def _size(page: Page, tongue: Language) -> str:
    if page.bytes is None:
        return ""
    text = f"{page.bytes / 1000:.0f} kB" if page.bytes >= 1000 else f"{page.bytes} B"  # noqa: PLR2004 - the next unit
    return say("web:cut", tongue).format(text) if page.cut else text


def _days(page: Page, tongue: Language, *, always: bool = False) -> str:
    """How long the certificate lasts, if that is soon or the page was refused."""
    days = page.certificate_days
    if days is None or (not always and days >= _SOON_DAYS):
        return ""
    return say("web:days" if days >= 0 else "web:expired", tongue).format(f"{abs(days):.0f}")


def _portal(result: Web, tongue: Language) -> str:
    if result.captive_portal:
        return f"✗ {say('web:stands', tongue)} {result.portal_url or ''}".rstrip()
    return f"✓ {say('web:no_portal', tongue)}" if result.captive_portal is False else f"· {say('web:untold', tongue)}"


def _advice(result: Web, tongue: Language) -> str:
    failures = [page.failure for page in result.pages or [] if page.failure is not None]
    if result.captive_portal or (failures and failures[0].reason == "captive_portal"):
        return advise(("portal",), tongue)
    if not failures:
        return ""
    first = failures[0]
    return advise((f"web:{first.stage}:{first.reason}", f"web:{first.stage}", "web:"), tongue)


def _joined(parts: Iterable[str]) -> str:
    return _DOT.join(part for part in parts if part)
