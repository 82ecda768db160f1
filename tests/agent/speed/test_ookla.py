"""The Ookla engine: speedtest-cli itself against a stub in a namespace where its names lead there; and bad programs."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Failed, UsageError
from agent.net.peer_url import parse
from agent.speed import ookla
from agent.speed.engine import Leg, Target, Wanted, Way
from agent.speed.limits import Limits
from agent.wire.failure import Reason, Stage

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[3]
SERVER = json.dumps({"url": "http://192.0.2.1/speedtest/upload.php", "id": "4711"})
TARGET = Target("", 0, secure=False, name="Stub (Lang Son)", paths={"server": SERVER})
SHORT = Limits(seconds=1, early=False)


def leg(way: Way = "download", limits: Limits = SHORT) -> Leg:
    return Leg(way, TARGET, "", limits, "m")


def program(code: str) -> list[str]:
    """A program in the place of ours."""
    return [sys.executable, "-c", textwrap.dedent(code)]


# --- the real thing, in a namespace


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)  # noqa: S603, S607 - our own words, no shell


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace with loopback in which Ookla's names lead to it."""
    name = f"lgookla{os.getpid()}"
    folder = Path("/etc/netns") / name
    existed = folder.parent.exists()
    folder.mkdir(parents=True)
    (folder / "hosts").write_text("127.0.0.1 localhost www.speedtest.net c.speedtest.net\n", "ascii")
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n", "ascii")
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "del", name)
        shutil.rmtree(folder)
        if not existed:
            folder.parent.rmdir()


@pytest.fixture
def certificate_for_ookla(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=www.speedtest.net", "-addext", "subjectAltName=DNS:www.speedtest.net"]
    command = ["openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words, no shell
    return cert, key


DRIVER = """
import asyncio, json, sys
from agent.errors import Failed
from agent.net.peer_url import parse
from agent.speed.engine import Leg, Wanted
from agent.speed.limits import Limits
from agent.speed.ookla import ENGINE

async def main():
    found = {}
    try:
        (target,) = await ENGINE.find(Wanted(parse(sys.argv[1])))
        found["name"] = target.name
        for way in ("download", "upload"):
            begun = asyncio.get_running_loop().time()
            got = await ENGINE.run(Leg(way, target, "", Limits(seconds=float(sys.argv[2])), "m"))
            took = asyncio.get_running_loop().time() - begun
            facts = [got.figure_mbps, got.received, str(got.stop.failure), got.reference_only, got.server.url]
            found[way] = [*facts, took]
    except Failed as failed:
        found["failed"] = f"{failed.failure} ({failed.failure.detail})"
    print(json.dumps(found))

asyncio.run(main())
"""


def measured(
    namespace: str, certificate: tuple[Path, Path], *, url: str = "ookla:", seconds: float = 3, fault: str | None = None
) -> dict[str, Any]:
    """What the engine finds in the namespace, with the stub there."""
    inside = ["ip", "netns", "exec", namespace, sys.executable]
    cert, key = (str(path) for path in certificate)
    words = ["--listen", "127.0.0.1:80", "--tls", "127.0.0.1:443", "--cert", cert, "--key", key, "--seconds", "3"]
    words += ["--fault", fault] if fault else []
    stub = subprocess.Popen(  # noqa: S603 - our own words, no shell
        [*inside, "-m", "tests.agent.speed.speedtest_stub", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with stub:
        assert stub.stdout is not None
        assert stub.stdin is not None
        assert stub.stdout.readline() == b"ready\n"
        env = {**os.environ, "SSL_CERT_FILE": cert}
        driver = [*inside, "-c", DRIVER, url, str(seconds)]
        ended = subprocess.run(driver, cwd=ROOT, env=env, capture_output=True, check=True, timeout=45)  # noqa: S603 - as above
        stub.stdin.close()
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.root
@pytest.mark.timeout(60)
def test_speedtest_cli_gives_a_reference_figure_both_ways(
    namespace: str, certificate_for_ookla: tuple[Path, Path]
) -> None:
    found = measured(namespace, certificate_for_ookla, seconds=4)
    assert found["name"] == "Stub (Lang Son)"
    for way in ("download", "upload"):
        figure, received, failure, reference_only, url, took = found[way]
        assert failure == "None"
        assert figure > 20
        assert received > 1_000_000
        assert reference_only
        assert url == "ookla://4711"
        assert took < 10


@pytest.mark.root
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("fault", "url", "words"),
    [
        ("refuse", "ookla:", "peer:refused"),
        ("busy", "ookla://4711", "peer:busy"),
        ("hang", "ookla:", "handshake:timeout"),
        (None, "ookla://99", "peer:no_address"),
        ("dead", "ookla:", "peer:timeout"),
    ],
)
def test_a_service_that_says_no_is_named(
    namespace: str, certificate_for_ookla: tuple[Path, Path], fault: str | None, url: str, words: str
) -> None:
    assert measured(namespace, certificate_for_ookla, url=url, fault=fault)["failed"].startswith(words)


@pytest.mark.root
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("fault", "words"), [("mute", "transfer:timeout"), ("reset", "transfer:closed")])
def test_a_server_that_breaks_is_a_failure_in_time(
    namespace: str, certificate_for_ookla: tuple[Path, Path], fault: str, words: str
) -> None:
    found = measured(namespace, certificate_for_ookla, fault=fault, seconds=2)
    figure, _, failure, _, _, took = found["download"]
    assert (figure, failure) == (None, words)
    assert took < 6


# --- programs that are not what we hoped for


async def test_a_program_that_never_begins_is_killed() -> None:
    with pytest.raises(Failed, match=r"handshake:timeout .*not ready after 0\.5 s"):
        await ookla.run(leg(limits=Limits(opening_s=0.5)), command=program("import time; time.sleep(60)"))


async def test_a_program_that_never_ends_is_killed() -> None:
    loop = asyncio.get_running_loop()
    code = """
        import time
        print('{"begun": true}', flush=True)
        time.sleep(60)
    """
    begun = loop.time()
    transfer = await ookla.run(leg(), command=program(code))
    assert str(transfer.stop.failure) == "transfer:timeout"
    assert loop.time() - begun < 3
    assert transfer.figure_mbps is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit(7)", "device:internal .*ended with 7"),
        ("raise RuntimeError('boo')", "device:internal .*boo"),
        ("raise MemoryError", "device:internal .*more than 512 MB"),
        ("bytearray(2**30)", "device:internal .*more than 512 MB"),
        ("while True: print('x' * 1000)", "device:internal .*without end"),
        ("print('[1]'); print('not ours')", "handshake:closed"),
        ('print(\'{"failed": "ConfigRetrievalError", "words": "HTTP Error 403"}\')', "peer:refused"),
        ('print(\'{"failed": "X", "words": "Name or service not known"}\')', "resolve:nxdomain"),
        ('print(\'{"failed": "X", "words": "what is this"}\')', "handshake:protocol"),
    ],
)
async def test_what_ends_a_program_early_is_named(code: str, words: str) -> None:
    with pytest.raises(Failed, match=words):
        await ookla.run(leg(), command=program(code))


@pytest.mark.parametrize("result", ['"figure": 0.0, "moved": 0', '"figure": "fast", "moved": 5', '"moved": true'])
async def test_a_result_without_a_figure_is_none(result: str) -> None:
    transfer = await ookla.run(leg(), command=program(f"print('{{\"begun\": true, {result}}}')"))
    assert transfer.figure_mbps is None
    assert transfer.stop.failure is not None


async def test_a_budget_cannot_be_kept_and_that_is_said() -> None:
    with pytest.raises(Failed, match="keeps no byte budget") as caught:
        await ookla.run(leg(limits=Limits(max_bytes=10_000_000)), command=["/nowhere"])
    assert (caught.value.failure.stage, caught.value.failure.reason) == (Stage.DEVICE, Reason.BUDGET)


async def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # None in place of a module: Python then looks no further.
    monkeypatch.setitem(sys.modules, "speedtest", None)
    with pytest.raises(UsageError, match=r"pip install 'linkgauge\[ookla\]'"):
        await ookla.find(Wanted(parse("ookla:")))
