"""The probe web against pages that come, fail at each step, and a portal."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import WebSettings, read
from agent.errors import UsageError
from agent.inspection import inspect
from agent.net.peer_url import parse
from agent.probes.probe import Outcome, Progress, Task
from agent.probes.web import planned, probe
from agent.wire.failure import Doubt
from agent.wire.web import Page, Web
from tests.agent.net.authority import Authority, authority
from tests.agent.net.web import page, web

NOW = datetime.now(UTC)
OPEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture(scope="module", name="own")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@contextlib.asynccontextmanager
async def serving(raw: bytes | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with web(lambda _: raw, tls=tls) as server:
        yield server.url("/", "http" if tls is None else "https")


async def fetched(*pages: str, portal: str = "none", at: datetime | None = NOW, **options: str) -> Outcome:
    more = {"pages": " ".join(pages), "portal_url": portal, "timeout": "0.5"} | options
    return await probe(Task("", "ipv4", options=more, at=at))


def result_of(outcome: Outcome) -> Web:
    assert isinstance(outcome.result, Web)
    return outcome.result


def only(outcome: Outcome) -> Page:
    (one,) = result_of(outcome).pages or []
    return one


@pytest.mark.program("openssl")
async def test_pages_that_come(own: Authority) -> None:
    told: list[Progress] = []
    tls = own.server(days=61.5)
    async with serving(page(b"x" * 3000), tls) as first, serving(page(b"y")) as second, serving(OPEN) as portal:
        options = {"pages": f"{first}, {second}", "portal_url": portal, "ca": str(own.pem)}
        outcome = await probe(Task("", "ipv4", options=options, at=NOW, progress=told.append))
    result = result_of(outcome)
    assert (result.ok, result.failed, result.captive_portal, result.portal_url) == (2, 0, False, None)
    secure, plain = result.pages or []
    assert (secure.family, secure.address, secure.status, secure.bytes) == ("ipv4", "127.0.0.1", 200, 3000)
    steps = [secure.resolve_ms, secure.connect_ms, secure.tls_ms, secure.first_byte_ms, secure.total_ms]
    assert all(step is not None and step > 0 for step in steps)
    assert secure.certificate_days is not None
    assert 61.4 < secure.certificate_days < 61.6
    assert result.certificate_days_least == secure.certificate_days
    assert (plain.tls_ms, plain.certificate_days, plain.redirects, plain.cut) == (None,) * 4
    assert result.total_ms is not None
    assert (
        min(secure.total_ms or 0, plain.total_ms or 0)
        < result.total_ms
        < max(secure.total_ms or 0, plain.total_ms or 0)
    )
    assert (outcome.family, outcome.peer, outcome.doubts, result.domain) == ("ipv4", None, (), None)
    assert outcome.link is not None
    assert outcome.link.interface == "lo"
    assert [word.phase for word in told] == ["portal", "pages", "pages"]
    assert told[-1].done == 1


@pytest.mark.program("openssl")
@pytest.mark.parametrize(("since_days", "days"), [(-30, -2.5), (3, 30)])
async def test_a_bad_certificate_and_its_days(own: Authority, since_days: float, days: float) -> None:
    async with serving(page(b"x"), own.server(since_days=since_days, days=days)) as url:
        one = only(await fetched(url, ca=str(own.pem)))
        unset = only(await fetched(url, ca=str(own.pem), at=datetime(1970, 1, 1, tzinfo=UTC)))
    assert str(one.failure) == str(unset.failure) == "tls:bad_certificate"
    assert one.certificate_days is not None
    assert abs(one.certificate_days - days) < 0.1
    assert unset.certificate_days is None, "by a clock that is not set nothing can be said"
    assert (one.status, one.bytes, one.total_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (page(b"", status="404 Not Found"), "peer:protocol"),
        (page(b"", status="403 Forbidden"), "peer:prohibited"),
        (page(b"", status="503 Service Unavailable"), "peer:busy"),
        (page(b"", status="500 Oh"), "peer:protocol"),
        (None, "handshake:timeout"),
        (b"", "handshake:closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "transfer:closed"),
    ],
)
async def test_a_page_that_fails_says_at_which_step(raw: bytes | None, failure: str) -> None:
    async with serving(raw) as bad, serving(page(b"good")) as good:
        result = result_of(await fetched(bad, good))
    assert (result.ok, result.failed) == (1, 1)
    first, second = result.pages or []
    assert (str(first.failure), first.total_ms, second.failure) == (failure, None, None)
    assert result.total_ms == second.total_ms
    assert result.domain == "destination"


@pytest.mark.program("openssl")
async def test_a_clock_or_a_filter_that_spoils_every_page_is_not_the_pages_fault(own: Authority) -> None:
    async with serving(page(b"x"), own.server(days=61)) as untrusted, serving(OPEN) as portal:
        result = result_of(await fetched(untrusted, portal=portal))
    assert [str(one.failure) for one in result.pages or []] == ["tls:bad_certificate"]
    assert (result.captive_portal, result.domain) == (False, None)


async def test_the_way_is_open_and_pages_fail() -> None:
    async with serving(OPEN) as portal:
        alone = result_of(await fetched("http://127.0.0.1:1/", portal=portal))
        several = result_of(await fetched("http://127.0.0.1:1/", "http://127.0.0.2:1/", portal=portal))
        unresolved = result_of(await fetched("http://no..name/", portal=portal))
    assert (alone.domain, several.domain, unresolved.domain) == ("destination", None, None)


async def test_no_page_comes() -> None:
    outcome = await fetched("http://127.0.0.1:1/", "http://[::1]/")
    result = result_of(outcome)
    assert (result.ok, result.failed, result.total_ms, result.domain) == (0, 2, None, None)
    assert [str(one.failure).partition(":")[0] for one in result.pages or []] == ["connect", "resolve"]


async def test_a_page_larger_than_we_read_is_cut_and_not_counted_in_the_times() -> None:
    async with serving(page(b"x" * 200_000)) as url:
        outcome = await fetched(url, page_bytes="10000")
    one = only(outcome)
    assert (one.cut, one.failure, one.total_ms, result_of(outcome).ok) == (True, None, None, 1)
    assert 10_000 < (one.bytes or 0) < 30_000
    assert result_of(outcome).total_ms is None


async def test_a_portal_is_named_and_everything_is_in_doubt() -> None:
    sent_on = page(b"", status="302 Found", more="Location: http://login.example/\r\n")
    async with serving(page(b"good")) as good, serving(sent_on) as portal:
        outcome = await fetched(good, portal=portal)
    result = result_of(outcome)
    assert (result.captive_portal, result.portal_url, result.portal_how) == (True, "http://login.example/", "redirect")
    assert outcome.doubts == (Doubt.CAPTIVE_PORTAL,)


async def test_a_portal_that_answers_in_a_page_s_place() -> None:
    async with serving(page(b"", status="511 Network Authentication Required")) as url:
        outcome = await fetched(url)
    assert str(only(outcome).failure) == "peer:captive_portal"
    assert outcome.doubts == (Doubt.CAPTIVE_PORTAL,)


async def test_one_page_that_misbehaves_does_not_put_all_else_in_doubt() -> None:
    async with serving(page(b"", status="511 Network Authentication Required")) as url, serving(OPEN) as portal:
        outcome = await fetched(url, portal=portal)
    assert str(only(outcome).failure) == "peer:captive_portal"
    assert (result_of(outcome).captive_portal, outcome.doubts) == (False, ())


@pytest.mark.program("openssl")
async def test_a_refused_certificate_is_read_only_while_there_is_time(own: Authority) -> None:
    seen = 0

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the first connection on to the page, and never answer the second."""
        nonlocal seen
        seen += 1
        if seen == 1:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as group:
                group.create_task(pipe(reader, back), name="there")
                group.create_task(pipe(there, writer), name="back")
        else:
            await reader.read()
        writer.close()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async with serving(page(b"x"), own.server(days=61)) as url:
        port = int(url.rpartition(":")[2].rstrip("/"))
        async with await asyncio.start_server(hold, "127.0.0.1", 0) as between:
            begun = asyncio.get_running_loop().time()
            at = between.sockets[0].getsockname()[1]
            one = only(await fetched(f"https://localhost:{at}/", page_timeout="1"))
    assert (str(one.failure), one.certificate_days) == ("tls:bad_certificate", None)
    assert asyncio.get_running_loop().time() - begun < 2.5


async def test_budgets_are_shared_out() -> None:
    pages = " ".join(f"http://h{n}/" for n in range(10))
    settings = planned(Task("", options={"pages": pages}, max_seconds=20, max_bytes=50_000))
    assert (settings.terms.total_s, settings.terms.step_s, settings.terms.max_bytes) == (2, 2, 5000)
    plain = planned(Task(""))
    assert (plain.terms.total_s, plain.terms.step_s, len(plain.pages), len(plain.portal_urls)) == (15, 5, 5, 2)
    assert plain.seconds == 5 * 15 + 2 * 5 <= WebSettings().deadline_s
    most = planned(Task("", options={"pages": pages, "page_timeout": "300", "timeout": "60"}))
    assert most.seconds == 110 <= WebSettings().deadline_s


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("[schedule.web]\nmax_seconds = 50\n[schedule.dns]\nmax_seconds = 59", None),
        ("[schedule.web]\ndeadline_s = 80", "web: a run may take 85 s, but deadline_s = 80"),
        ("[schedule.dns]\ndeadline_s = 30", "dns: a run may take 40 s, but deadline_s = 30"),
    ],
)
def test_a_schedule_whose_runs_could_not_end_is_refused(tmp_path: Path, tables: str, words: str | None) -> None:
    file = tmp_path / "agent.toml"
    head = '[agent]\nid = "a1"\n[broker]\nurl = "mqtt://b.example"\n[peer]\nurls = ["msak+ws://p:8080"]\n'
    file.write_text(head + tables)
    config = read(file, {}, check_peer=parse)
    if words is None:
        inspect(config)
        return
    with pytest.raises(UsageError, match=words):
        inspect(config)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"page": "x"}, "web has no option 'page'"),
        ({"pages": ""}, "pages: name at least one"),
        ({"pages": "www.example"}, "not a web address: 'www.example'; write https://www.example/"),
        ({"portal_url": "www.example"}, "write http://www.example/"),
        ({"pages": "ftp://h/"}, "not a web address"),
        ({"pages": "http://user:secret@h/"}, "without user name or password"),
        ({"pages": "http://h/" + "x" * 200}, "at most 200 characters"),
        ({"pages": " ".join(f"http://h{n}/" for n in range(21))}, "at most 20 addresses, not 21"),
        ({"portal_url": "https://h/"}, "plain http"),
        ({"timeout": "0"}, "expected a number"),
        ({"page_bytes": "4096.5"}, "expected a whole number"),
    ],
)
def test_a_wrong_option_is_said_plainly(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(Task("", options=options))
    assert words in str(caught.value)


async def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for name in ("none.pem", "no.pem"):
        with pytest.raises(UsageError, match="cannot be read"):
            await fetched("http://127.0.0.1:1/", ca=str(tmp_path / name))
