"""Where something is told and what of it: one `[[tell.routes]]` of the configuration, checked. Pure.

An address may hold a secret: only `Route.address` is ever shown. It is the scheme, and host and port where they are
that (in many of Apprise's addresses the place of the host is a token's).
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from collector.errors import UsageError
from collector.registry.codes import nearest_code
from collector.tell.news import About, News, severity_rank

Kind = Literal["alertmanager", "webhook", "mail", "apprise"]
Language = Literal["vi", "en"]
_ALERTMANAGER: Final = "alertmanager+"
_WEBHOOK: Final = "webhook+"
_WEB: Final = frozenset({"http", "https"})
_MAIL: Final = frozenset({"mailto", "mailtos"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents a route is told of; an empty list means any. Names are compared without regard to case.

    `provinces` and `communes` are codes, as the registry files places: `places_of` makes them of what people write.
    """

    severity: str = "warning"
    causes: frozenset[str] = frozenset()
    provinces: frozenset[str] = frozenset()
    communes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()

    def takes(self, news: News) -> bool:
        """Whether this is something for the route; of a group, what is not known of it is no reason to keep it back."""
        return (
            severity_rank(news.severity) >= severity_rank(self.severity)
            and (not self.causes or plain(news.cause) in self.causes)
            and self.covers(news.place, is_group=news.group is not None)
        )

    def covers(self, place: About, *, is_group: bool = False) -> bool:
        """Whether a site is one of those that the route is about."""
        pairs = (
            (self.provinces, place.province, nearest_code),
            (self.communes, place.commune, nearest_code),
            (self.kinds, place.kind, plain),
            (self.providers, place.provider, plain),
            (self.plans, place.plan, plain),
        )
        return all(
            not names or (is_group and value is None) or compared(value or "") in names
            for names, value, compared in pairs
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `daily`: when its digest goes, local time; None: told at once. `patient_s`: see `pace`."""

    name: str
    kind: Kind
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    language: Language = "vi"
    daily: time | None = None
    wanted: Wanted = Wanted()
    per_hour: int | None = None
    remind_s: float | None = None
    timeout_s: float = 10.0
    retry_first_s: float = 5.0
    retry_max_s: float = 3600.0

    @property
    def is_immediate(self) -> bool:
        """Whether it is told of every transition."""
        return self.daily is None

    @property
    def address(self) -> str:
        """As much of the address as may be shown."""
        parts = urlsplit(self.url)
        if self.kind == "apprise" or not parts.hostname:
            return f"{parts.scheme}://..."
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port}" if _has_port(parts) else f"{parts.scheme}://{host}"


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port is not None
    except ValueError:  # it may be anything where Apprise reads it
        return False


def kind_and_url(to: str, key: str) -> tuple[Kind, str]:
    """What kind of receiver an address is, and the address itself; raises UsageError that names the key, not it."""
    try:
        kind, url = _kind(to.strip())
        is_web = kind in {"alertmanager", "webhook"}
        is_right = _is_web_address(url) if is_web else "://" in url and bool(urlsplit(url).scheme)
    except ValueError as error:
        raise UsageError(f"{key}: not an address; {_HOW}") from error
    if not is_right:
        raise UsageError(
            f"{key}: not a web address; write {_FORMS[kind]}" if is_web else f"{key}: not an address; {_HOW}"
        )
    return kind, url


def _is_web_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in _WEB and bool(parts.hostname) and parts.port != 0


_HOW: Final = (
    "write alertmanager+http://HOST:9093, https://HOST/PATH (a webhook), or an address that Apprise knows, "
    "such as mailto://HOST?from=...&to=..."
)
_FORMS: Final[dict[Kind, str]] = {
    "alertmanager": "alertmanager+http://HOST:9093",
    "webhook": "https://HOST/PATH",
}


def _kind(to: str) -> tuple[Kind, str]:
    if to.startswith(_ALERTMANAGER):
        return "alertmanager", to.removeprefix(_ALERTMANAGER)
    scheme = urlsplit(to).scheme
    if to.startswith(_WEBHOOK) or scheme in _WEB:
        return "webhook", to.removeprefix(_WEBHOOK)
    return ("mail" if scheme in _MAIL else "apprise"), to


def plain(name: str) -> str:
    """A name as it is compared: composed, folded, without blanks around it."""
    return unicodedata.normalize("NFC", name).casefold().strip()


def places_of(names: Iterable[str]) -> frozenset[str]:
    """Provinces or communes as they are compared: "Lạng Sơn" is what the registry files as lang-son."""
    return frozenset(nearest_code(name) for name in names)


def plains(names: Iterable[str]) -> frozenset[str]:
    """Names as they are compared."""
    return frozenset(plain(name) for name in names)
