"""The API over HTTP: each operation of the table at its address, its document, and errors as problem documents."""

from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collector.errors import CollectorError, RegistryUnavailable, UsageError
from collector.web import rendering, scoreboard
from collector.web.api.answers import NOT_HERE, answered, from_here, problem
from collector.web.api.asking import Wrong, asked
from collector.web.api.document import DOCUMENT
from collector.web.api.here import Here
from collector.web.api.operation import BODY_BYTES, Operation
from collector.web.api.table import OPERATIONS
from collector.web.sources import Sources

_TITLES: Final = {400: "Bad request", 404: "Not found", 405: "Method not allowed", 413: "Too large"}
_RETRY_S: Final = "5"


def add_routes(app: web.Application, sources: Sources) -> None:
    """Add every operation that is answered here; those of others are described only."""
    here = Here(sources, app[scoreboard.BOARDS])
    for operation in (*OPERATIONS, DOCUMENT):
        if operation.does is None:
            continue
        if operation.body is None:
            app.router.add_get(operation.path, _reading(operation, here))  # and HEAD
        else:
            app.router.add_post(operation.path, _change(operation, here))
    app.on_response_prepare.append(_told_apart)


def _reading(operation: Operation, here: Here) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return answered(request, await _done(operation, _asked(operation, request), here))

    return answer


def _change(operation: Operation, here: Here) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not from_here(request):
            return problem(403, "Not allowed", NOT_HERE)
        wanted = _asked(operation, request)
        raw = await request.clone(client_max_size=BODY_BYTES).read()
        try:
            body = msgspec.json.decode(raw, type=operation.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            example = msgspec.json.encode(operation.example.body).decode()
            return problem(400, "Bad request", f"{error}; send such as {example}")
        try:
            return answered(request, await _done(operation, wanted, body, here))
        except UsageError as error:
            return problem(409, "Conflict", str(error))

    return answer


def _asked(operation: Operation, request: web.Request) -> msgspec.Struct:
    return asked(operation.asks, operation.path, request.match_info, request.query.items())


async def _done(operation: Operation, *given: object) -> object:
    if operation.does is None:
        raise web.HTTPNotFound
    return await operation.does(*given)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Of the API, everything that goes wrong is a problem document."""
    try:
        return await handler(request)
    except (Wrong, web.HTTPClientError, CollectorError) as error:
        if not request.path.startswith("/api/"):
            raise
        return _problem(request, error)


def _problem(request: web.Request, error: Wrong | web.HTTPClientError | CollectorError) -> web.Response:
    if isinstance(error, Wrong):
        return problem(error.status, _TITLES[error.status], str(error), parameter=error.parameter)
    if isinstance(error, UsageError):
        return problem(400, _TITLES[400], str(error))
    if isinstance(error, CollectorError):
        return _away(error)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        said = problem(405, _TITLES[405], f"{request.method} is not allowed here; there is {allowed}.")
        said.headers["Allow"] = allowed
        return said
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem(413, _TITLES[413], f"A body has at most {BODY_BYTES} bytes.")
    return problem(error.status, _TITLES.get(error.status, error.reason), _words(error))


def _words(error: web.HTTPClientError) -> str:
    """What is wrong; of an address that there is not, the router says nothing for people."""
    own = error.text or error.reason
    unsaid = isinstance(error, web.HTTPNotFound) and own == f"{error.status}: {error.reason}"
    return f"There is no such address; see {DOCUMENT.path}" if unsaid else own


def _away(error: CollectorError) -> web.Response:
    of = "database of sites and incidents" if isinstance(error, RegistryUnavailable) else "time series"
    said = problem(503, "Not available", f"The {of} cannot be reached right now; try again in a moment.")
    said.headers["Retry-After"] = _RETRY_S
    return said


async def _told_apart(request: web.Request, response: web.StreamResponse) -> None:
    """Say of every answer of the API that it is made up, where it is."""
    if request.path.startswith("/api/") and request.app[rendering.SOURCES].demonstration:
        response.headers["Linkgauge-Demonstration"] = "true"
