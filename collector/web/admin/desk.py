"""What the handlers of administration share: where facts come from, uploads at hand, and who may change anything."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from sqlalchemy import Connection

from collector.registry.journal import Author, Seal, who_fault
from collector.web import rendering
from collector.web.admin import faults
from collector.web.admin.drafts import Drafts
from collector.web.admin.intake import StaleError
from collector.web.admin.listing import folded
from collector.web.admin.office import Office
from collector.web.api import from_here
from collector.web.sources import Sources

T = TypeVar("T")
_WHO: Final = "who"
_YEAR_S: Final = 365 * 86400
_SEE_OTHER: Final = 303
TORN: Final = (
    ValueError, LookupError, AssertionError, HttpProcessingError, web.RequestPayloadError, TimeoutError,
)  # fmt: skip
"""What aiohttp raises for a body that breaks its own rules, or ends too early or never."""


@dataclass(slots=True)
class Desk:
    """One process's desk."""

    sources: Sources
    office: Office
    drafts: Drafts = field(default_factory=Drafts)
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One large file at a time: two would need twice the memory and be no sooner ready."""
    incoming: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """So many uploads at once: each holds its whole file."""
    _villages: tuple[int, list[tuple[str, str]]] | None = None

    def villages(self) -> list[tuple[str, str]]:
        """Path and searched text of every period of every village, by path; read anew when villages changed. Blocks."""
        revision = self.office.places.revision()
        if self._villages is None or self._villages[0] != revision:
            names = self.office.places.village_names()
            self._villages = revision, [(path, f"{path} {folded(name)} {folded(path)}") for path, name in names]
        return self._villages[1]


Handler = Callable[[web.Request, Desk], Awaitable[web.StreamResponse]]


def at(
    desk: Desk, handler: Handler, *, changes: bool = False
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler at its desk; what changes anything is refused from elsewhere, on a page that says why."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if changes and not from_here(request):
            words = rendering.words_of(request)
            refused = page(
                request,
                "admin_refused.html",
                title=words.say("Not allowed"),
                detail=words.say("Changes are accepted from this machine and its own page only."),
            )
            refused.set_status(403)
            return refused
        return await handler(request, desk)

    return answer


def page(request: web.Request, template: str, **values: Any) -> web.Response:  # noqa: ANN401 - a template's values
    """A page of administration: it knows whether its reader may change anything, and his name from last time."""
    values.setdefault("who", "")
    words = rendering.words_of(request)
    return rendering.page(
        request,
        template,
        here="admin",
        may=from_here(request),
        fault_words=lambda said: faults.told(said, words.say),
        who_before=values["who"] or _decoded(request.cookies.get(_WHO, "")),
        **{name: value for name, value in values.items() if name != "who"},
    )


async def form_of(request: web.Request) -> Mapping[str, object]:
    """The fields of a form; raises HTTPBadRequest for a body that is none."""
    try:
        return await request.post()
    except TORN as error:
        raise web.HTTPBadRequest from error


def name_in(text: object) -> tuple[str, str | None]:
    """The name that a form gives, and why it is none."""
    who = str(text or "").strip()
    return who, who_fault(who)


def author(who: str, about: str = "") -> Author:
    """Somebody who acts on the page."""
    return Author(who, "page", about)


def unless_stale(seal: Seal[T], was_seen: Callable[[T], bool]) -> Seal[T]:
    """A seal that first holds what changes against what its author saw; what he did not see raises StaleError."""

    def seal_or_refuse(connection: Connection, changes: Sequence[T]) -> None:
        if not all(map(was_seen, changes)):
            raise StaleError
        seal(connection, changes)

    return seal_or_refuse


def back(where: str, who: str) -> web.Response:
    """To a page after a change; the name is remembered, so that it need not be typed again."""
    answer = web.Response(status=_SEE_OTHER, headers={"Location": where})
    answer.set_cookie(_WHO, who.encode().hex(), max_age=_YEAR_S, samesite="Strict", httponly=True, path="/admin")
    return answer


def _decoded(text: str) -> str:
    try:
        who = bytes.fromhex(text).decode()
    except ValueError:
        return ""
    return "" if who_fault(who) else who
