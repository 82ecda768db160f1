"""One page from servers that are good, slow, endless, wrong, or send us round and inward."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from agent.net.fetch import Fetched, Terms, fetch
from agent.wire.failure import Stage
from tests.agent.net.authority import Authority, authority
from tests.agent.net.web import Web, page, web

QUICK = Terms("ipv4", step_s=0.3, total_s=0.6, max_bytes=100_000, keep_bytes=10)
pytestmark = pytest.mark.program("openssl")


@pytest.fixture(scope="module", name="own")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


def failure(got: Fetched) -> str:
    return str(got.failure) if got.failure else ""


async def test_every_step_is_timed(own: Authority) -> None:
    async with web(lambda _: page(b"x" * 50_000), tls=own.server(days=12.5)) as server:
        got = await fetch(server.url("/a?b=c", "https"), Terms("ipv4", own.client()))
    assert (failure(got), got.arrival.status, got.arrival.size, got.arrival.whole) == ("", 200, 50_000, True)
    assert (got.family, got.address, got.redirects) == ("ipv4", "127.0.0.1", 0)
    steps = [got.resolve_ms, got.connect_ms, got.tls_ms, 1000 * (got.arrival.first_byte_s or 0)]
    assert all(step is not None and step > 0 for step in steps)
    assert sum(step or 0 for step in steps) <= (got.total_ms or 0) + 1
    assert got.certificate is not None
    assert 12 < (got.certificate.ends - datetime.now(UTC)).total_seconds() / 86400 < 12.6
    assert "Accept-Encoding: identity\r\n" in server.asked[0]


async def test_a_literal_address_has_no_name_to_look_up() -> None:
    async with web(lambda _: page(b"")) as server:
        got = await fetch(f"http://127.0.0.1:{server.port}", QUICK)
    assert (failure(got), got.resolve_ms, got.tls_ms, got.certificate) == ("", None, None, None)
    assert failure(await fetch("http://127.0.0.1:1", Terms("ipv6"))) == "resolve:no_address"


async def test_without_a_family_the_device_chooses() -> None:
    async with web(lambda _: page(b"")) as server:
        assert (await fetch(server.url(), Terms())).family == "ipv4"


async def test_no_more_is_read_than_allowed() -> None:
    async with web(lambda _: page(b"x" * 5_000_000)) as server:
        got = await fetch(server.url(), QUICK)
    assert (failure(got), got.arrival.whole, bytes(got.arrival.body)) == ("", False, b"x" * 10)
    assert 100_000 < got.arrival.size <= 100_000 + 16 * 1024


async def test_a_compressed_bomb_is_counted_as_it_came() -> None:
    async with web(lambda _: page(b"\x1f\x8b" + b"\0" * 60_000, more="Content-Encoding: gzip\r\n")) as server:
        got = await fetch(server.url(), QUICK)
    assert (failure(got), got.arrival.size) == ("", 60_002)


@contextlib.asynccontextmanager
async def dripping(drops: Callable[[int], bytes], pause_s: float = 0.01) -> AsyncIterator[str]:
    """Serve what `drops` gives, drop by drop, without end."""

    leaving = False
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        count = 0
        with contextlib.suppress(ConnectionError):
            while not leaving and not writer.transport.is_closing():
                writer.write(drops(count))
                await writer.drain()
                await asyncio.sleep(pause_s)
                count += 1
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        leaving = True
        if serving:
            await asyncio.wait([task for task in serving if task is not None], timeout=1)
        await asyncio.sleep(0.02)  # the transports close their sockets


def one_by_one(count: int) -> bytes:
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
    return text[count : count + 1] or b"x"


@pytest.mark.parametrize(
    ("drops", "pause_s", "said"),
    [
        (lambda _: b"", 0.01, "handshake:timeout"),
        (lambda count: b"X: y\r\n" * 500 if count else b"HTTP/1.1 200 OK\r\n", 0, "handshake:protocol"),
        (lambda count: b"X: y\r\n" if count else b"HTTP/1.1 200 OK\r\n", 0.01, "handshake:timeout"),
        (lambda _: b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001, "handshake:protocol"),
        (one_by_one, 0.001, "transfer:timeout"),
        (lambda count: b"HTTP/1.1 200 OK\r\n\r\n" if not count else b"x", 0.001, "transfer:timeout"),
        (lambda _: b"\0" * 1000, 0, "handshake:protocol"),
    ],
)
async def test_a_server_that_never_ends_is_left(drops: Callable[[int], bytes], pause_s: float, said: str) -> None:
    begun = asyncio.get_running_loop().time()
    async with dripping(drops, pause_s) as url:
        got = await fetch(url, QUICK)
    assert failure(got) == said
    assert got.total_ms is None
    assert asyncio.get_running_loop().time() - begun < 5


async def test_what_came_before_it_broke_off_is_told() -> None:
    async with web(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") as server:
        got = await fetch(server.url(), QUICK)
    assert (failure(got), got.arrival.size, got.arrival.status) == ("transfer:closed", 4, 200)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (None, "handshake:timeout"),
        (b"", "handshake:closed"),
        (b"HTTP/1.1 ", "handshake:closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "handshake:protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "handshake:protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "transfer:protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 100_000, "transfer:protocol"),
    ],
)
async def test_what_is_no_answer_has_its_name(raw: bytes | None, said: str) -> None:
    async with web(lambda _: raw) as server:
        assert failure(await fetch(server.url(), QUICK)) == said


@pytest.mark.parametrize(
    ("name", "since_days", "days", "words"),
    [
        ("localhost", -30, -2.5, "expired"),
        ("localhost", 3, 30, "not yet valid"),
        ("other.example", -1, 30, "Hostname mismatch"),
    ],
)
async def test_a_refused_certificate_is_read_all_the_same(
    own: Authority, name: str, since_days: float, days: float, words: str
) -> None:
    async with web(lambda _: page(b""), tls=own.server(name, since_days=since_days, days=days)) as server:
        got = await fetch(server.url("/", "https"), Terms("ipv4", own.client(), inspect=True))
    assert (failure(got), got.stage) == ("tls:bad_certificate", Stage.TLS)
    assert got.failure is not None
    assert words in (got.failure.detail or "")
    assert got.certificate is not None
    assert abs((got.certificate.ends - datetime.now(UTC)).total_seconds() / 86400 - days) < 0.1
    assert server.asked == [], "nothing is asked over a connection that nobody vouches for"


async def test_an_authority_that_nobody_knows(own: Authority) -> None:
    async with web(lambda _: page(b""), tls=own.server()) as server:
        got = await fetch(server.url("/", "https"), Terms("ipv4", ssl.create_default_context()))
    assert (failure(got), got.certificate) == ("tls:bad_certificate", None)


async def test_no_tls_where_it_is_promised() -> None:
    async with dripping(lambda _: b"220 mail.example ESMTP\r\n") as url:
        assert failure(await fetch(url.replace("http:", "https:"), QUICK)) == "tls:protocol"
    async with web(lambda _: None) as server:
        assert failure(await fetch(server.url("/", "https"), QUICK)) == "tls:timeout"


def sends(*targets: str) -> Callable[[Web], bytes]:
    """Send a client from target to target, and give the page at the end."""

    def give(server: Web) -> bytes:
        count = len(server.asked) - 1
        if count >= len(targets):
            return page(b"here")
        where = targets[count].format(port=server.port)
        return page(b"", status="302 Found", more=f"Location: {where}\r\n")

    return give


async def test_redirects_are_followed_and_counted() -> None:
    async with web(sends("/new", "//localhost:{port}/newer?x#y", "http://127.0.0.1:{port}/tiếng")) as server:
        got = await fetch(server.url(), QUICK)
    assert (failure(got), got.redirects, got.arrival.size) == ("", 3, 4)
    heads = [head.splitlines()[0] for head in server.asked]
    assert heads[1:3] == ["GET /new HTTP/1.1", "GET /newer?x HTTP/1.1"]
    assert heads[3].startswith("GET /ti%")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["/round"] * 6, "handshake:protocol"),
        (["file:///etc/passwd"], "handshake:protocol"),
        (["javascript:alert(1)"], "handshake:protocol"),
        (["ftp://localhost/"], "handshake:protocol"),
        (["intent://scan/#Intent;end"], "handshake:protocol"),
        (["http://localhost:99999/"], "handshake:protocol"),
        (["http://:80/"], "handshake:protocol"),
        (["http://" + "x" * 5000], "handshake:protocol"),
        (["http://127.0.0.1:1/"], "connect:refused"),
    ],
)
async def test_where_no_redirect_leads(targets: list[str], said: str) -> None:
    async with web(sends(*targets)) as server:
        assert failure(await fetch(server.url(), QUICK)) == said


async def test_a_page_that_wants_its_cookie_back() -> None:
    def give(server: Web) -> bytes:
        if "Cookie: seen=yes\r\n" in server.asked[-1]:
            return page(b"welcome")
        return page(b"", status="302 Found", more="Set-Cookie: seen=yes; Path=/; Secure\r\nLocation: /\r\n")

    async with web(give) as server:
        got = await fetch(server.url(), QUICK)
        assert (failure(got), got.redirects, got.arrival.size) == ("", 1, 7)
        elsewhere = await fetch(f"http://127.0.0.1:{server.port}/", QUICK)
    assert failure(elsewhere) == ""
    assert [("Cookie" in head) for head in server.asked] == [False, True, False, True]


async def test_a_cookie_stays_with_the_host_that_gave_it() -> None:
    def give(server: Web) -> bytes:
        if len(server.asked) > 1:
            return page(b"here")
        where = f"http://127.0.0.1:{server.port}/"
        return page(b"", status="302 Found", more=f"Set-Cookie: secret=1\r\nLocation: {where}\r\n")

    async with web(give) as server:
        await fetch(server.url(), QUICK)
    assert "Cookie" not in server.asked[1]


async def test_no_redirects_wanted() -> None:
    async with web(sends("/new")) as server:
        got = await fetch(server.url(), Terms("ipv4", redirects=0))
    assert (got.arrival.status, len(server.asked)) == (302, 1)


async def test_no_socket_is_left_behind(own: Authority) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as short as it gets
    async with web(lambda _: page(b"x"), tls=own.server("other.example")) as server:
        for _ in range(3):
            await fetch(server.url("/", "https"), Terms("ipv4", own.client(), inspect=True))
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208 - as above
