"""The role `peer`: the program that the agent's side ships, run as a process of its own."""

import asyncio
import socket
from contextlib import suppress

import pytest

from collector.config import PeerSettings
from collector.metrics import Metrics, Readiness
from collector.peer import command, run
from tests.collector.rig import until
from tests.ports import free_port


def test_command_names_only_what_is_set() -> None:
    assert command(PeerSettings(stamp="", max_tests=2, pace_mbps=300))[1:] == [
        "peer", "--listen", "127.0.0.1:8080", "--max-tests", "2", "--pace", "300",
    ]  # fmt: skip


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(60)
async def test_runs_as_long_as_we_do() -> None:
    port = free_port()
    readiness = Readiness(Metrics(), lambda *_: None)
    readiness.expect("peer")
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run(PeerSettings(listen=f"127.0.0.1:{port}", stamp=""), readiness), name="peer")
            await until(lambda: _listens(port), within_s=20)
            assert not readiness.reasons
            task.cancel()
    assert not _listens(port)
