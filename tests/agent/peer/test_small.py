"""The one byte and the page that names it: on every port, beside a test, and nothing of a stranger's making in it."""

import asyncio
import json
from dataclasses import replace

import pytest

from agent.peer.request import Request, RequestError
from agent.peer.small import OBJECT, WELL_KNOWN, page
from tests.agent.peer.running import LOOPBACK, running
from tests.agent.peer.websocket import get, stream


def asked(path: str, method: str = "GET", *, secure: bool = False, **headers: str) -> tuple[str, bytes]:
    head, _, body = page(
        Request(method, path, "", {"host": "peer.example:8080"} | headers, "1.1"), secure=secure
    ).partition(b"\r\n\r\n")
    return head.decode(), body


def test_one_byte() -> None:
    head, body = asked(OBJECT)
    assert len(body) == 1
    assert "Content-Length: 1\r\n" in head
    assert "no-store" in head
    assert asked(OBJECT, "HEAD")[1] == b""


@pytest.mark.parametrize(("secure", "scheme"), [(False, "http"), (True, "https")])
def test_the_page_names_it_as_the_client_named_us(secure: bool, scheme: str) -> None:  # noqa: FBT001 - a case
    for host in ("peer.example:8080", "[2001:db8::1]:4443", "192.0.2.1"):
        head, body = asked(WELL_KNOWN, secure=secure, host=host)
        assert "Content-Type: application/json" in head
        assert json.loads(body) == {"version": 1, "urls": {"small_download_url": f"{scheme}://{host}{OBJECT}"}}


@pytest.mark.parametrize("host", ["", 'a"b', "a/b", "a b", "é", "x" * 256, "a@b", "a\\b"])
def test_a_name_that_is_none_is_not_written_down(host: str) -> None:
    with pytest.raises(RequestError) as refused:
        asked(WELL_KNOWN, host=host)
    assert refused.value.status == 400


def test_only_reading() -> None:
    with pytest.raises(RequestError) as refused:
        asked(OBJECT, "POST")
    assert refused.value.status == 405


async def test_a_full_peer_still_gives_it() -> None:
    def ask(address: tuple[str, int]) -> list[int]:
        with stream(address, "/throughput/v1/download?mid=m1&streams=1&duration=20000"):
            answers = [get(address, path) for path in (WELL_KNOWN, OBJECT, OBJECT)]
        return [answer.status for answer in answers]

    async with running(replace(LOOPBACK, max_tests=1, pace_mbps=50)) as at:
        assert await asyncio.to_thread(ask, at["plain"]) == [200, 200, 200]
