"""Every peer URL that measures throughput has its engine, and the other ones a plain line."""

import subprocess
import sys

import pytest

from agent.errors import UsageError
from agent.net.peer_url import parse
from agent.speed.engine import Engine, Target, Wanted
from agent.speed.engines import engine_for


@pytest.mark.parametrize(
    ("url", "streams"),
    [("msak+ws://h:1", 4), ("msak+wss://h", 4), ("ndt7+ws://h", 1), ("ndt7+wss://h", 1), ("mlab:", 1)],
)
def test_engines_and_how_many_streams_they_open(url: str, streams: int) -> None:
    engine = engine_for(parse(url))
    assert isinstance(engine, Engine)
    assert engine.streams == streams


@pytest.mark.parametrize("url", ["librespeed+http://h/x", "iperf3://h", "ookla:"])
def test_the_other_engines_are_there(url: str) -> None:
    assert isinstance(engine_for(parse(url)), Engine)


def test_a_peer_that_measures_something_else() -> None:
    with pytest.raises(UsageError, match="stamp measures no throughput"):
        engine_for(parse("stamp://h"))


@pytest.mark.parametrize("url", ["msak+wss://h:1", "ndt7+wss://h:1"])
async def test_a_url_that_is_the_server_itself(url: str) -> None:
    found = await engine_for(parse(url)).find(Wanted(parse(url)))
    assert list(found) == [Target("h", 1, secure=True)]


def test_an_engine_is_imported_when_it_is_used() -> None:
    code = "import sys, agent.probes.throughput; print([name for name in sys.modules if name.endswith('mlab')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    assert done.stdout.strip() == "[]"
