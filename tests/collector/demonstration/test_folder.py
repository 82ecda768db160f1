"""A demonstration and real measurements never share a folder, whichever came first."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from collector.__main__ import main
from collector.config import CollectorConfig
from collector.demonstration import folder
from collector.demonstration.folder import Mark
from collector.demonstration.showing import Showing, edition
from collector.errors import CollectorError, UsageError
from collector.service import serve
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import Point
from collector.trial import Speaker
from collector.up import held_port

MARK = Mark(seed=1, sites=3, days=2, origin=datetime(2026, 11, 22, tzinfo=UTC), store="sqlite:///x.db")


def test_what_a_folder_says_is_read_again(tmp_path: Path) -> None:
    assert folder.claim(tmp_path) is None
    folder.write(tmp_path, MARK)
    assert folder.claim(tmp_path) == MARK


@pytest.mark.parametrize("name", ["registry.db", "archive", "agent"])
def test_real_measurements_are_left_alone(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).mkdir()
    assert main(["up", "--demo", "--data", str(tmp_path)]) == 2
    assert "real measurements are here" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_real_is_measured_into_a_demonstration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write(tmp_path, MARK)
    assert main(["up", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "a demonstration is here" in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [folder.MARK]


def test_what_an_interrupted_filling_left_goes_and_the_mark_stays(tmp_path: Path) -> None:
    folder.write(tmp_path, MARK)
    (tmp_path / "archive" / "2026").mkdir(parents=True)
    (tmp_path / "series.db").write_bytes(b"half")
    (tmp_path / "lock").touch()
    folder.empty(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lock", folder.MARK}


def test_a_mark_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / folder.MARK).write_text("{", "utf-8")
    with pytest.raises(UsageError, match="delete the folder"):
        folder.claim(tmp_path)


@pytest.mark.parametrize("words", [["--store", "influxdb1://h:1/d"], ["--demo", "--peer", "h:1"]])
def test_what_does_not_go_together_is_said(tmp_path: Path, words: list[str]) -> None:
    assert main(["up", "--data", str(tmp_path), *words]) == 2


def test_an_address_that_is_taken_is_said_before_anything_is_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["up", "--demo", "--data", str(tmp_path), "--listen", listen]) == 2
    said = capsys.readouterr().err
    assert listen in said
    assert "already in use" in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_two_demonstrations_never_choose_the_same_port_and_a_port_that_is_used_is_left_alone() -> None:
    with held_port(0) as first, held_port(first) as second:
        assert first != second
        with socket.create_server(("127.0.0.1", first)), held_port(first) as third:
            assert third not in (first, second)
    with held_port(first) as again:
        assert again == first


def test_a_broker_port_that_is_taken_at_the_last_moment_is_one_plain_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody listens there after the port was chosen: no page is announced, nothing is sent to a stranger."""

    async def serve_it(config: CollectorConfig, ready: Callable[[str], None]) -> None:
        await serve(config, ready=ready)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)  # noqa: FBT003 - the standard library asks for it so
        taken: int = server.getsockname()[1]
        mark = msgspec.structs.replace(MARK, store=f"sqlite:///{str(tmp_path).lstrip('/')}/series.db")
        show = Showing(tmp_path, "127.0.0.1:0", mark, lambda: contextlib.nullcontext(taken), serve_it)
        with pytest.raises(ExceptionGroup) as raised:
            asyncio.run(show.run(Speaker(sys.stderr), asyncio.Event()))
        with pytest.raises(BlockingIOError):
            server.accept()
    found, rest = raised.value.split(CollectorError)
    assert found is not None
    assert rest is None
    assert "does not start" in str(found.exceptions[0])
    assert "open http" not in capsys.readouterr().err


def test_another_edition_may_be_asked_for() -> None:
    assert edition({}) == edition({"LINKGAUGE_DEMO": "many"}) == (200, 90)
    assert edition({"LINKGAUGE_DEMO": "30x11"}) == (30, 11)


async def test_a_store_in_which_something_lies_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = store_from_url(f"sqlite://{tmp_path}/real.db")
    await store.open()
    await store.write([Point("throughput", (("site", "s1"),), {"conclusive": True}, 1_000_000_000)])
    words = ["up", "--demo", "--data", str(tmp_path / "demo"), "--listen", "127.0.0.1:0"]
    assert await asyncio.to_thread(run_aside, [*words, "--store", f"sqlite://{tmp_path}/real.db"]) == 2
    end = nanoseconds(datetime(2100, 1, 1, tzinfo=UTC))
    assert len(await store.samples("throughput", site="s1", start_ns=0, end_ns=end)) == 1
    await store.close()
    assert folder.read(tmp_path / "demo") is None


def run_aside(words: list[str]) -> int:
    """The command in a process of its own: it handles signals."""
    return subprocess.run([sys.executable, "-m", "collector", *words], check=False, timeout=20).returncode  # noqa: S603 - our own program
