"""What a person sees when a page cannot be shown: what happened, and what to do about it."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from collector.errors import CollectorError, RegistryUnavailable
from collector.web import rendering

AGAIN_S: Final = 5
_AWAY: Final = 503


@dataclass(frozen=True, slots=True)
class Apology:
    """`title` and `detail` are messages of the catalogues. `about` is what somebody may have looked for."""

    status: int
    title: str
    detail: str
    about: str = ""


_UNSAID: Final = {
    400: "The address or the form holds something that cannot be understood. Go back, and choose again.",
    403: "Changes are taken on the machine itself only. Open the page there, and try again.",
    404: "There is no page here. It may have been moved, or the address was cut off where it was copied.",
    405: "This address takes a form only. Go back to the page with the form, and send it again.",
    413: "The file is too large. Divide it, or import it with the command line.",
}  # fmt: skip
_TITLES: Final = {400: "Not understood", 403: "Not allowed from here", 404: "Not found", 405: "Not like this",
                  413: "Too large"}  # fmt: skip


def apology(request: web.Request, error: web.HTTPClientError | CollectorError) -> Apology:
    """Say of an error what the reader needs."""
    if isinstance(error, RegistryUnavailable):
        why = "The database of sites and incidents cannot be reached right now. This page tries again by itself."
        return Apology(_AWAY, "Not available", why)
    if isinstance(error, CollectorError):
        why = "The time series cannot be reached right now. This page tries again by itself."
        return Apology(_AWAY, "Not available", why)
    own = error.text if error.text and error.text != f"{error.status}: {error.reason}" else ""
    said = own or _UNSAID.get(error.status, _UNSAID[400])
    about = request.path.rstrip("/").rpartition("/")[2] if error.status == web.HTTPNotFound.status_code else ""
    return Apology(error.status, _TITLES.get(error.status, _TITLES[400]), said, about)


def answer(request: web.Request, error: web.HTTPClientError | CollectorError) -> web.Response:
    """The page; one that may be there in a moment is asked for again by the browser itself, if nothing was sent."""
    said = apology(request, error)
    away = said.status == _AWAY
    words = rendering.words_of(request)
    response = rendering.page(
        request, "error.html", here="", title=words.say(said.title), detail=words.say(said.detail), away=away,
        about=said.about,
    )  # fmt: skip
    response.set_status(said.status)
    if away:
        response.headers["Retry-After"] = str(AGAIN_S)
        if request.method == "GET":
            response.headers["Refresh"] = str(AGAIN_S)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response
