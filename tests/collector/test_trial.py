"""What a trial tells the terminal, against a page that says what a test wants; and what a refused one leaves alone."""

import asyncio
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.__main__ import main
from collector.trial import GUESS_S, Counted, Speaker, announce


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def result(number: int, **facts: object) -> Mapping[str, Any]:
    return {"time": f"2099-01-01T00:00:{number:02}Z", "value": 300.0, **facts}


def test_the_rest_is_told_by_the_pace_of_those_that_are_done() -> None:
    counted = Counted(10)
    counted.add(result(0), 5.0)
    assert counted.words(5.0) == f"1 of 10 measured, about {9 * GUESS_S:.0f} s to go"
    counted.add(result(0), 6.0)
    counted.add(result(1), 15.0)
    assert counted.words(15.0) == "2 of 10 measured, about 80 s to go"
    assert counted.words(19.0) == "2 of 10 measured, about 76 s to go"
    assert counted.words(99.0) == "2 of 10 measured, about 70 s to go", "a late one does not make the others shorter"


def test_what_is_not_judged_is_told_with_its_reason() -> None:
    counted = Counted(2)
    counted.add(result(0, failure="connect:refused"), 0.0)
    counted.add(result(1, doubts=["cpu_bound"]), 10.0)
    assert counted.words(10.0) == "2 of 2 measured, any moment now; 2 not judged: connect:refused; cpu_bound"
    assert "2 of 2 failed or were doubted (connect:refused; cpu_bound)" in counted.outcome()


def test_a_terminal_has_one_line_that_changes_and_a_file_one_now_and_then() -> None:
    terminal, file = Terminal(), io.StringIO()
    for say in (Speaker(terminal), Speaker(file)):
        say.going("1 of 10")
        say.going("2 of 10")
        say("done")
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().count("\r\x1b[K") == 2
    assert "2 of 10" in terminal.getvalue()
    assert [line.partition(" s  ")[2] for line in file.getvalue().splitlines()] == ["1 of 10", "done"]


async def test_between_the_first_result_and_the_verdict_it_says_how_far_it_is() -> None:
    terminal = Terminal()
    asked = 0

    async def site(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        shown: dict[str, Any] = {"last": {"throughput": result(asked)}} if asked > 1 else {}
        if asked > 2:
            shown["verdict"] = {"verdict": "met", "sentence": {"en": "Met: it is there."}}
        return web.json_response(shown)

    app = web.Application()
    app.router.add_get("/api/v1/sites/here", site)
    async with TestServer(app) as server, asyncio.timeout(10):
        address = str(server.make_url("/")).rstrip("/")
        await announce(address, "here", Speaker(terminal), first_runs=10)
    said = terminal.getvalue()
    first, going, verdict = (said.index(words) for words in ("first result: download 300.0", "1 of 10", "Met: it is"))
    assert first < going < verdict


def test_a_peer_that_is_refused_leaves_the_last_trial_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent").mkdir()
    old = tmp_path / "agent" / "agent.toml"
    old.write_text("# the last one\n")
    assert main(["up", "--data", str(tmp_path), "--peer", "http://nope"]) == 2
    assert old.read_text() == "# the last one\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["agent", "agent.toml", "lock"]
    said = capsys.readouterr().err
    assert said.startswith("linkgauge-collector")
    assert "http" in said
    assert said.count("\n") == 1
