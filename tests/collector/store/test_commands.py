"""`store init|check|copy` at the terminal, on real engines; InfluxDB 2 and 3 as servers that speak their words."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.__main__ import main
from collector.store.open import store_from_url
from tests.collector.influxd import Influxd, running_influxd
from tests.collector.store.conftest import DATABASES
from tests.collector.store.door import TOKEN, Door
from tests.collector.store.http_server import answering, serving
from tests.collector.store.samples import point
from tests.collector.store.victoria import running_victoria

BIN = Path(sys.executable).parent
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `store ACTION` with a configuration that names a store; gives exit code, stdout and stderr."""

    def run(action: str, url: str, *arguments: str, token: str | None = None) -> tuple[int, str, str]:
        if token is not None:
            monkeypatch.setenv("LINKGAUGE_STORE_TOKEN", token)
        (tmp_path / "c.toml").write_text(f'[store]\nurl = "{url}"\ntimeout_s = 5\n')
        try:
            code = main(["store", action, *arguments, "--config", str(tmp_path / "c.toml")])
        except SystemExit as left:
            code = int(str(left.code))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.program("influxd")
def test_init_makes_what_is_missing_once_and_check_agrees(tmp_path: Path, run: Run) -> None:
    (tmp_path / "admin").write_text("root:r00t\n")
    admin = ("--admin-file", str(tmp_path / "admin"))
    with running_influxd(tmp_path / "i", auth=True) as server:
        server.query("CREATE USER root WITH PASSWORD 'r00t' WITH ALL PRIVILEGES")
        url = server.store_url("lg", "w:s3%27cret") + "?raw=raw"
        code, out, _ = run("check", url)
        assert (code, "check user, password" in out) == (1, True)
        code, _, err = run("init", url)
        assert (code, "--admin-file" in err) == (1, True)
        planned = run("init", url, "--keep-raw", "400d", *admin, "--dry-run")[1]
        assert '"lg"' not in server.query("SHOW DATABASES", user="root:r00t")
        done = run("init", url, "--keep-raw", "400d", *admin)[1]
        assert (done.count("done: "), done, "s3" in done) == (4, planned.replace("would ", "done: "), False)
        policies = server.query("SHOW RETENTION POLICIES ON lg", user="root:r00t")
        assert all(words in policies for words in ('["autogen","0s"', '["raw","9600h0m0s"'))
        for wish in ([], ["--keep-raw", "400d"]):
            assert "all is there" in run("init", url, *wish, *admin)[1]

        code, _, err = run("init", url, "--keep-raw", "40d", *admin)
        assert (code, "--shorten" in err) == (2, True)
        assert run("init", url, "--keep-raw", "forever", *admin)[0] == 0
        assert run("init", url, "--keep-raw", "40d", "--shorten", *admin)[0] == 0

        code, out, _ = run("check", url)
        assert code == 0, out
        for words in (
            "raw measurements 40 days",
            "the rest for ever",
            "merges into the first",
            "may not make databases",
        ):
            assert words in out
        assert "linkgauge_check" not in server.query("SHOW SERIES ON lg", user="root:r00t")

        code, out, _ = run("check", server.store_url("lg", "w:s3%27cret") + "?raw=nope")
        assert (code, "there is no policy nope" in out, "did not take a probe" in out) == (1, True, True)
        code, out, _ = run("check", server.store_url("other", "root:r00t"))
        assert (code, "store init" in out) == (1, True)


@pytest.mark.program("influxd")
def test_check_tells_what_an_open_and_narrow_server_does(tmp_path: Path, run: Run) -> None:
    with running_influxd(tmp_path / "i", max_body=5000) as server:
        server.query("CREATE DATABASE d WITH DURATION 400d")
        code, out, _ = run("check", server.store_url("d"))
    assert code == 0, out
    for words in (
        "it lets anybody in",
        "batches are halved",
        "policy d expires" if "policy d " in out else "expires: roll-ups",
    ):
        assert words in out
    code, out, _ = run("check", server.store_url("d"))
    assert (code, "cannot be reached" in out) == (1, True)


def test_a_file_is_made_and_looked_at(tmp_path: Path, run: Run) -> None:
    url = f"sqlite://{tmp_path}/new/series.db"
    code, out, _ = run("check", url)
    assert (code, "not there yet" in out) == (0, True)
    assert run("init", url)[:2] == (0, f"done: make the file {tmp_path}/new/series.db with its tables\n")
    assert "nothing to make" in run("init", url)[1]
    code, out, _ = run("check", url)
    assert (code, "can be written to" in out, "GiB are free" in out) == (0, True, True)
    code, _, err = run("init", url, "--keep-raw", "400d")
    assert (code, "leave it away" in err) == (2, True)
    (tmp_path / "bad.db").write_bytes(b"nonsense" * 500)
    code, out, _ = run("check", f"sqlite://{tmp_path}/bad.db")
    assert (code, "is it the right file" in out) == (1, True)


@pytest.mark.program("victoria-metrics")
@pytest.mark.parametrize(
    ("flags", "words"), [([], "counts 2 times"), (["-dedup.minScrapeInterval=1ms"], "counts once")]
)
def test_victoria_metrics_is_told_apart(tmp_path: Path, run: Run, flags: list[str], words: str) -> None:
    with running_victoria(tmp_path / "v", *flags) as port:
        code, out, _ = run("check", f"influxdb1://127.0.0.1:{port}/x")
        init, _, err = run("init", f"influxdb1://127.0.0.1:{port}/x")
    assert (code, "it is VictoriaMetrics" in out, words in out) == (1, True, True)
    assert (init, "does not say that it is InfluxDB" in err) == (1, True)


class Bucketed:
    """What InfluxDB 2's API says of buckets and mappings, as far as `init` asks."""

    def __init__(self) -> None:
        self.buckets: list[dict[str, Any]] = []
        self.mappings: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("Authorization"))
        if request.method == "GET":
            return self._found(request.path, request.query.get("name"))
        body: dict[str, Any] = await request.json()
        if request.method == "PATCH":
            (bucket,) = (one for one in self.buckets if one["id"] == request.path.rpartition("/")[2])
            bucket.update(body)
            return web.json_response(bucket)
        kept = self.buckets if request.path == "/api/v2/buckets" else self.mappings
        kept.append(body | {"id": f"{len(kept):016x}"})
        return web.json_response(kept[-1], status=201)

    def _found(self, path: str, name: str | None) -> web.Response:
        if path == "/api/v2/orgs":
            return web.json_response({"orgs": [{"id": "0rg"}]})
        if path == "/api/v2/dbrps":
            return web.json_response({"content": self.mappings})
        return web.json_response({"buckets": [one for one in self.buckets if one["name"] == name]})


async def test_init_of_version_2_makes_buckets_retention_and_mappings(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKGAUGE_STORE_TOKEN", "t0ken")
    server = Bucketed()
    async with serving(server.answer) as port:
        url = f"influxdb2://127.0.0.1:{port}/lg?org=o&raw=raw"
        code, out, err = await asyncio.to_thread(run, "init", url, "--keep-raw", "400d")
        assert (code, out.count("done: ")) == (0, 4), err
        made = {one["name"]: one["retentionRules"] for one in server.buckets}
        assert made == {"lg": [], "lg/raw": [{"type": "expire", "everySeconds": 400 * 86400}]}
        assert [
            (one["database"], one["retention_policy"], one["bucketID"], one["default"]) for one in server.mappings
        ] == [
            ("lg", "autogen", f"{0:016x}", True),
            ("lg", "raw", f"{1:016x}", False),
        ]
        assert "nothing to make" in (await asyncio.to_thread(run, "init", url, "--keep-raw", "400d"))[1]
        code, _, err = await asyncio.to_thread(run, "init", url, "--keep-raw", "40d")
        assert (code, "--shorten" in err) == (2, True)
        assert (await asyncio.to_thread(run, "init", url, "--keep-raw", "500d"))[0] == 0
        assert server.buckets[1]["retentionRules"][0]["everySeconds"] == 500 * 86400
        assert server.tokens == {"Token t0ken"}
        assert "t0ken" not in out + err


async def test_init_of_version_3_makes_the_database(run: Run) -> None:
    names = ["_internal"]

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            names.append((await request.json())["db"])
            return web.Response()
        return web.json_response([{"iox::database": name} for name in names])

    async with serving(answer) as port:
        url = f"influxdb3://127.0.0.1:{port}/lg"
        assert (await asyncio.to_thread(run, "init", url, "--dry-run"))[1] == "would make the database lg\n"
        assert (await asyncio.to_thread(run, "init", url))[1] == "done: make the database lg\n"
        assert "nothing to make" in (await asyncio.to_thread(run, "init", url))[1]
    assert names == ["_internal", "lg"]


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Sun, 22 Nov 2026 00:00:00 GMT", "s behind ours"),
        ("Sat, 22 Nov 2253 00:00:00 GMT", "s ahead of ours"),
        ("now", ""),
    ],
)
async def test_check_compares_the_clocks(run: Run, influxd: Influxd, date: str, words: str) -> None:
    database = f"linkgauge_{next(DATABASES)}"
    influxd.query(f'CREATE DATABASE "{database}"')
    through = Door(3, influxd.url)

    async def answer(request: web.Request) -> web.StreamResponse:
        found = await through.answer(request)
        found.headers["Date"] = date
        return found

    async with serving(answer) as port:
        url = f"influxdb3://127.0.0.1:{port}/{database}"
        code, out, _ = await asyncio.to_thread(run, "check", url, token=TOKEN)
    assert (code, words in out) == (0, True), out
    assert ("could not be compared" in out) == (not words)
    for told in ("merges into the first", "the probe point stays"):
        assert told in out


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (302, "", "answers with 302"),
        (200, "<html>Sign in</html>", "it does not speak InfluxQL"),
        (503, "later", "answers with 503"),
    ],
)
async def test_check_names_somebody_else(run: Run, status: int, body: str, words: str) -> None:
    async with serving(answering(status, body)) as port:
        code, out, _ = await asyncio.to_thread(run, "check", f"influxdb1://127.0.0.1:{port}/x")
    assert (code, words in out) == (1, True), out


def fill(url: str) -> None:
    """8,000 points of 8 days."""

    async def write() -> None:
        store = store_from_url(url)
        await store.open()
        for day in range(8):
            await store.write([point(day * 86_400 + number, site=f"s{number % 7}") for number in range(1000)])
        await store.close()

    asyncio.run(write())


@pytest.mark.program("influxd")
def test_a_copy_that_is_killed_goes_on_and_ends_equal(tmp_path: Path, influxd: Influxd, run: Run) -> None:
    database = f"linkgauge_{next(DATABASES)}"
    urls = (f"sqlite://{tmp_path}/s.db", influxd.store_url(database))
    fill(urls[0])

    def stored() -> int:
        found = json.loads(influxd.query('SELECT count("download_mbps") FROM throughput', database))["results"][0]
        return int(found["series"][0]["values"][0][1]) if "series" in found else 0

    command = [str(BIN / "linkgauge-collector"), "store", "copy", *urls]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own program
        deadline = time.monotonic() + 10
        while stored() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # or the database has no time for the copy
        process.send_signal(signal.SIGKILL)
    killed_at = stored()
    assert 0 < killed_at < 8000
    code, out, _ = run("copy", urls[1], urls[0], "configured")
    assert (code, f"{8000 - killed_at} written  equal" in out) == (0, True), out
    assert stored() == 8000
    assert "0 written  equal" in run("copy", urls[1], urls[0], "configured")[1]


def test_a_copy_of_nothing_says_so(tmp_path: Path, run: Run) -> None:
    urls = [f"sqlite://{tmp_path}/{name}.db" for name in "ab"]
    asyncio.run(_made(urls[0]))
    code, out, err = run("copy", urls[0], "configured", urls[1])
    assert (code, out, "nothing to copy" in err) == (0, "", True)


async def _made(url: str) -> None:
    store = store_from_url(url)
    await store.open()
    await store.close()


def test_a_copy_onto_itself_is_refused(tmp_path: Path, run: Run) -> None:
    url = f"sqlite://{tmp_path}/s.db"
    code, _, err = run("copy", url, url, "configured")
    assert (code, "the same store" in err) == (2, True)
