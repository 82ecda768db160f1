"""Servers over HTTP that are no LibreSpeed, or not now."""

from collections.abc import Awaitable, Callable

from tests.agent.speed.librespeed_server import answer
from tests.agent.speed.peers import Visit

Behaviour = Callable[[Visit], Awaitable[None]]


async def reset_after_head(visit: Visit) -> None:
    await visit.request()
    visit.reset()


async def login_page(visit: Visit) -> None:
    await visit.request()
    answer(visit, 200, "Content-Type: text/html\r\n", b"<html>Please pay</html>")
    await visit.ignore(timeout_s=5)


async def redirect(visit: Visit) -> None:
    await visit.request()
    answer(visit, 302, "Location: http://portal.example/\r\n", b"")
    await visit.ignore(timeout_s=5)


async def busy(visit: Visit) -> None:
    await visit.request()
    answer(visit, 503, "Retry-After: 30\r\n", b"")
    await visit.ignore(timeout_s=5)
