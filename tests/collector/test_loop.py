"""The loop that a collector runs in."""

import asyncio
import sys

import pytest
import uvloop

from collector.loop import run


def test_it_is_uvloop_where_that_is_installed() -> None:
    async def main() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    assert run(main()) is uvloop.Loop


def test_without_uvloop_pythons_own_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setattr("collector.loop.ctypes.CDLL", lambda _: object())  # nor with the C library that we know

    async def main() -> int:
        return 7

    assert run(main()) == 7
