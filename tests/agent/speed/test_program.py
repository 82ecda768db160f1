"""Real programs that behave well, hang, flood, fork, eat memory, or do not exist."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.speed.program import Bounds, Program, finished, running
from agent.wire.failure import Reason, Stage

QUICK = Bounds(seconds=5)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def descriptors() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the links are what is wanted
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115 - as above
        except OSError:
            continue
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


async def until_dead(pid: int) -> None:
    async with asyncio.timeout(3):
        while alive(pid):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = {name for name in descriptors() if name.startswith("pipe:")}
    yield
    assert {name for name in descriptors() if name.startswith("pipe:")} <= before


async def test_output_and_exit_code_come_back() -> None:
    ended = await finished(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), bounds=QUICK)
    assert (ended.code, bytes(ended.out), bytes(ended.err), ended.cut) == (3, b"out\n", b"err\n", None)


async def test_lines_come_while_it_runs() -> None:
    lines: list[bytes] = []
    came = asyncio.Event()

    def hear(_program: Program, line: bytes) -> None:
        lines.append(line)
        came.set()

    code = "import time; print('one', flush=True); time.sleep(60)"
    async with running(python(code), bounds=QUICK, on_line=hear) as program:
        async with asyncio.timeout(5):
            await came.wait()
        assert lines == [b"one"]
        pid = program.pid
        assert alive(pid)
    await until_dead(pid)


async def test_a_hung_program_is_killed_at_its_limit() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    ended = await finished(python(code), bounds=Bounds(seconds=0.5))
    assert ended.cut == "time"
    assert loop.time() - begun < 2
    await until_dead(ended.pid)


async def test_what_it_says_may_move_its_limit() -> None:
    def hear(program: Program, _line: bytes) -> None:
        program.allow(0.3)

    loop = asyncio.get_running_loop()
    begun = loop.time()
    code = "import time; print('begun', flush=True); time.sleep(60)"
    async with running(python(code), bounds=Bounds(seconds=30), on_line=hear) as program:
        await program.ended()
    assert program.cut == "time"
    assert loop.time() - begun < 2


async def test_its_children_go_with_it() -> None:
    code = "import os, time; pid = os.fork(); print(os.getpid() if pid == 0 else 0, flush=True); time.sleep(60)"
    ended = await finished(python(code), bounds=Bounds(seconds=1))
    child = max(int(line) for line in ended.out.split())
    assert child > 0
    await until_dead(child)


async def test_a_child_that_outlives_it_does_not_hold_us() -> None:
    code = "import os, time; pid = os.fork(); print(pid, flush=True) if pid else time.sleep(60)"
    loop = asyncio.get_running_loop()
    begun = loop.time()
    ended = await finished(python(code), bounds=Bounds(seconds=0.5))
    assert loop.time() - begun < 3
    await until_dead(int(ended.out))


async def test_a_pipe_held_by_a_stranger_does_not_hold_us() -> None:
    code = "import os, time\npid = os.fork()\nif pid: print(pid, flush=True)\nelse:\n    os.setsid(); time.sleep(4)"
    loop = asyncio.get_running_loop()
    begun = loop.time()
    ended = await finished(python(code), bounds=Bounds(seconds=0.5))
    assert loop.time() - begun < 3
    os.kill(int(ended.out), 9)


async def test_a_flood_is_cut_and_not_kept() -> None:
    ended = await finished(python("while True: print('x' * 1000)"), bounds=Bounds(seconds=10, output_bytes=100_000))
    assert ended.cut == "output"
    assert len(ended.out) == 100_000


async def test_memory_is_bounded() -> None:
    bounds = Bounds(seconds=10, memory_bytes=256 * 2**20)
    code = "import time; time.sleep(0.2); bytearray(300 * 2**20)"
    ended = await finished(python(code), bounds=bounds)
    assert ended.code == 1
    assert b"MemoryError" in ended.err
    assert (await finished(python(code), bounds=QUICK)).code == 0


async def test_it_knows_no_proxy_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    ended = await finished(python("import os; print(os.environ.get('http_proxy'))"), bounds=QUICK)
    assert ended.out == b"None\n"


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(Failed, match="no-such-program cannot be started") as caught:
        await finished(["/nowhere/no-such-program"], bounds=QUICK)
    assert (caught.value.failure.stage, caught.value.failure.reason) == (Stage.DEVICE, Reason.NO_HARDWARE)


async def test_a_file_that_may_not_be_started_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("#!/bin/sh\n", "ascii")
    with pytest.raises(Failed) as caught:
        await finished([str(path)], bounds=QUICK)
    assert caught.value.failure.reason == Reason.NO_PERMISSION


async def test_a_cancelled_run_leaves_no_program() -> None:
    started: list[Program] = []
    has_started = asyncio.Event()

    async def wait() -> None:
        async with running(python("import time; time.sleep(60)"), bounds=Bounds(seconds=60)) as program:
            started.append(program)
            has_started.set()
            await program.ended()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait(), name="program")
        async with asyncio.timeout(5):
            await has_started.wait()
        pid = started[0].pid
        task.cancel()
    await until_dead(pid)
