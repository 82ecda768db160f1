"""Our own peer proves that no portal is in the way."""

import asyncio

import pytest

from agent.net.captive_portal import Finding, detect
from agent.peer.open_way import PATH, page
from agent.peer.request import Request, RequestError
from tests.agent.peer.running import running
from tests.agent.peer.websocket import get


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_is_the_answer(method: str) -> None:
    head, _, body = page(Request(method, PATH, "", {}, "1.1")).partition(b"\r\n\r\n")
    assert (head.splitlines()[0], body) == (b"HTTP/1.1 204 No Content", b"")
    assert b"no-store" in head
    assert b"Content-Length" not in head


def test_only_reading() -> None:
    with pytest.raises(RequestError) as refused:
        page(Request("POST", PATH, "", {}, "1.1"))
    assert refused.value.status == 405


async def test_the_portal_check_believes_it() -> None:
    async with running() as at:
        host, port = at["plain"]
        assert await detect([f"http://{host}:{port}{PATH}"], timeout_s=5) == Finding(portal=False)
        metrics = await asyncio.to_thread(get, at["plain"], "/metrics")
    assert b'{status="204"} 1\n' in metrics.body
