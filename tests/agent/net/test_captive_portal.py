"""Is a portal in the way? Against servers that answer as asked, as a portal does, or not at all."""

import pytest

from agent.errors import Failed
from agent.net.captive_portal import Finding, detect, verdict
from agent.wire.failure import Failure, Reason, Stage
from tests.agent.net.web import page, web

OPEN = Finding(portal=False)
WALLED = Finding(portal=True, url="http://login.example/", how="redirect")
UNKNOWN = Finding(portal=None, failure=Failure(Stage.CONNECT, Reason.TIMEOUT))


async def honest(host: str, _family: str, *, timeout_s: float) -> list[str]:
    if host.endswith(".invalid"):
        raise Failed(Stage.RESOLVE, Reason.NXDOMAIN, f"{timeout_s}")
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        page(b"success\n", kind="text/plain"),
        page(b"NetworkManager is online\n", kind="text/html"),
        b"HTTP/1.0 200 OK\r\n\r\nMicrosoft Connect Test",
    ],
)
async def test_the_way_is_open(raw: bytes) -> None:
    async with web(lambda _: raw) as server:
        assert await detect([server.url("/generate_204")], timeout_s=5) == OPEN


@pytest.mark.parametrize(
    ("raw", "how", "url"),
    [
        (
            page(b"", status="302 Found", more="Location: https://login.example/?a=b#x\r\n"),
            "redirect",
            "https://login.example/?a=b",
        ),
        (
            page(b"", status="307 Temporary Redirect", more="Location: http://10.0.0.1:8000\r\n"),
            "redirect",
            "http://10.0.0.1:8000",
        ),
        (page(b"<html>Sign in", kind="text/html"), "page", None),
        (page(b"success, but more than that"), "page", None),
        (page(b"", status="200 OK"), "page", None),
        (page(b"x" * 100_000, kind="text/html"), "page", None),
        (page(b"<html>", status="511 Network Authentication Required"), "status", None),
    ],
)
async def test_somebody_else_answers(raw: bytes, how: str, url: str | None) -> None:
    async with web(lambda _: raw) as server:
        found = await detect([server.url("/x")], timeout_s=5)
        assert (found.portal, found.how, found.url) == (True, how, url or server.url("/x"))


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (None, "handshake:timeout"),
        (b"", "handshake:closed"),
        (b"SSH-2.0-x\r\n\r\n", "handshake:protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "handshake:protocol"),
        (page(b"", status="503 Service Unavailable"), "peer:protocol"),
        (page(b"", status="404 Not Found"), "peer:protocol"),
        (page(b"", status="301 Moved", more="Location: https://localhost/x\r\n"), "peer:protocol"),
        (page(b"", status="301 Moved", more="Location: https://www.localhost/x\r\n"), "peer:protocol"),
        (page(b"", status="302 Found"), "handshake:protocol"),
        (page(b"", status="302 Found", more="Location: file:///etc/passwd\r\n"), "handshake:protocol"),
    ],
)
async def test_what_proves_nothing(raw: bytes | None, failure: str) -> None:
    async with web(lambda _: raw) as server:
        found = await detect([server.url("/x")], timeout_s=0.5, look_up=honest)
    assert (found.portal, str(found.failure)) == (None, failure)


async def test_a_name_server_with_one_answer_for_all() -> None:
    async def one_answer(host: str, family: str, *, timeout_s: float) -> list[str]:
        assert (bool(host), family, timeout_s) == (True, "ipv4", 1)
        return ["127.0.0.1"]

    found = await detect(["http://127.0.0.1:1/x"], timeout_s=1, look_up=one_answer)
    assert (found.portal, found.how, str(found.failure)) == (True, "dns", "connect:refused")


@pytest.mark.parametrize(
    ("several", "sum_"),
    [
        ([WALLED, OPEN], OPEN),
        ([UNKNOWN, OPEN], OPEN),
        ([UNKNOWN, WALLED], WALLED),
        ([UNKNOWN, UNKNOWN], UNKNOWN),
        ([], Finding(portal=None)),
    ],
)
def test_several_checks_make_one_verdict(several: list[Finding], sum_: Finding) -> None:
    assert verdict(several) == sum_
