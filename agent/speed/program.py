"""Another program under hard limits of time, memory and output: no shell, and nothing of it left behind."""

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from agent.errors import Failed
from agent.wire.failure import Reason, Stage

OUTPUT_BYTES: Final = 4 * 2**20
# What a program may know of our environment: never a proxy, which would be measured instead of the line.
_PASSED_ON: Final = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GONE_S: Final = 1.0

Cut = Literal["time", "output"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a program may take: seconds by the wall clock, bytes of output (each of stdout and stderr), address space.

    One that takes more is killed with its whole group.
    """

    seconds: float
    output_bytes: int = OUTPUT_BYTES
    memory_bytes: int | None = None


OnLine = Callable[["Program", bytes], None]


class Program(asyncio.SubprocessProtocol):
    """A program that runs. `out` and `err` grow; `cut` says why it was killed, if a limit did that.

    `on_line` is called with the program and each complete line of its standard output.
    """

    def __init__(self, bounds: Bounds, on_line: OnLine | None) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.cut: Cut | None = None
        self.code: int | None = None
        self._bounds = bounds
        self._on_line = on_line
        self._read = 0
        self._clock = asyncio.timeout(bounds.seconds)
        self._is_timed = False
        self._transport: asyncio.SubprocessTransport | None = None
        self._done = asyncio.Event()

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return 0 if self._transport is None else self._transport.get_pid()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and all that it said is here."""
        return self._done.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound its memory at once; of its own accord it has not yet asked for any."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        limits = [(resource.RLIMIT_CORE, 0)]
        if self._bounds.memory_bytes is not None:
            limits.append((resource.RLIMIT_AS, self._bounds.memory_bytes))
        for kind, most in limits:
            # It may be gone already, and then needs no limit.
            with contextlib.suppress(OSError):
                resource.prlimit(self.pid, kind, (most, most))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep what it says, up to the limit."""
        kept = self.out if fd == 1 else self.err
        kept += data[: self._bounds.output_bytes - len(kept)]
        if len(kept) >= self._bounds.output_bytes:
            self.cut = self.cut or "output"
            self.kill()
        if fd == 1 and self._on_line is not None:
            while (end := self.out.find(b"\n", self._read)) >= 0:
                line, self._read = bytes(self.out[self._read : end]), end + 1
                self._on_line(self, line)

    def process_exited(self) -> None:
        """It has ended; its pipes may still hold something."""
        if self._transport is not None:
            self.code = self._transport.get_returncode()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """It has ended and said all."""
        self._done.set()

    async def ended(self) -> None:
        """Wait for its end, or make it at the time limit (then `cut` is `time`)."""
        try:
            async with self._clock:
                self._is_timed = True
                await self._done.wait()
        except TimeoutError:
            self.cut = self.cut or "time"
            await self.gone()
        finally:
            self._is_timed = False

    def allow(self, seconds: float) -> None:
        """Let it run for so long from now, instead of what it was given at its start."""
        if self._is_timed:
            self._clock.reschedule(asyncio.get_running_loop().time() + seconds)
        else:
            self._clock = asyncio.timeout(seconds)

    async def stop(self, *, grace_s: float) -> None:
        """Ask it to end, and wait a moment for that."""
        if self.code is None and not self.is_over:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._done.wait()

    def kill(self) -> None:
        """End it and all that it started, now."""
        if not self._done.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Kill it, and close its pipes even if somebody else holds the other ends."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_S):
                await self._done.wait()
        if self._transport is not None:
            self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_S):
                await self._done.wait()


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    bounds: Bounds,
    env: Mapping[str, str] | None = None,
    on_line: OnLine | None = None,
) -> AsyncIterator[Program]:
    """Start `command` (its first word a path, or a name looked for in PATH); when the block is left, it is gone.

    Raises:
        Failed: `device:no_hardware` if there is no such program, `device:no_permission` if it may not be started.
    """
    surroundings = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    surroundings = {"PATH": _PATH, "LC_ALL": "C", **surroundings, **(env or {})}
    loop = asyncio.get_running_loop()
    program = Program(bounds, on_line)
    try:
        await loop.subprocess_exec(
            lambda: program, *command, stdin=asyncio.subprocess.DEVNULL, env=surroundings, start_new_session=True
        )
    except OSError as error:
        reason = Reason.NO_PERMISSION if isinstance(error, PermissionError) else Reason.NO_HARDWARE
        name = Path(command[0]).name
        raise Failed(Stage.DEVICE, reason, f"{name} cannot be started: {error.strerror}") from error
    try:
        yield program
    finally:
        await program.gone()


async def finished(command: Sequence[str], *, bounds: Bounds, env: Mapping[str, str] | None = None) -> Program:
    """Run `command` to its end or its limits. Raises Failed as `running` does."""
    async with running(command, bounds=bounds, env=env) as program:
        await program.ended()
    return program
