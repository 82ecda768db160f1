"""A modem's serial port for AT commands: opened raw, asked one read-only command at a time, put back afterwards."""

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from agent.errors import Failed
from agent.radio.at_answers import COMMANDS, FINAL, radio_of
from agent.radio.position import PositionSource
from agent.wire.failure import Reason, Stage
from agent.wire.report import Link
from agent.wire.results import Radio

_READ: Final = 4096
_LONGEST: Final = 65_536
"""Bytes of one answer; a port that says more is no modem's."""
_LATE_S: Final = 0.3
_SPEED: Final = termios.B115200
_TIOCGEXCL: Final = 0x80045440  # Linux, asm-generic/ioctls.h: whether a terminal was opened for one program alone
_CFLAG, _ISPEED, _OSPEED = 2, 4, 5  # places in what termios.tcgetattr gives
_GONE: Final = "the modem went away: unplugged, reset, or out of power"


@contextlib.asynccontextmanager
async def serial_modem(device: str, *, timeout_s: float = 2.0) -> AsyncIterator["SerialModem"]:
    """Open a modem's AT port; `timeout_s`: how long one command may take.

    Raises:
        Failed: there is no such port, it may not be opened, somebody else uses it, or nothing there speaks AT.
    """
    with _opened(device) as descriptor:
        port = _Port(descriptor, asyncio.get_running_loop(), timeout_s)
        try:
            await port.wake(device)
            yield SerialModem(port)
        finally:
            port.close()


class SerialModem:
    """One modem behind an AT port; made by `serial_modem`. It tells no interface and has no receiver here."""

    def __init__(self, port: "_Port") -> None:
        self._port = port

    async def sample(self) -> Radio:
        """Take one sample: ask each command once; one that the modem does not know leaves its part out.

        Raises:
            Failed: the modem went away, or stopped answering.
        """
        return radio_of({command: await self._port.ask(command) for command in COMMANDS})

    @property
    def link(self) -> Link | None:
        """Not known from this port."""
        return None

    @property
    def gnss(self) -> PositionSource | None:
        """Not read from this port."""
        return None


class _Port:
    """An open port: bytes in, lines out."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._timeout_s = timeout_s
        self._heard = bytearray()
        self._fault: Failed | None = None
        self._news = asyncio.Event()
        loop.add_reader(descriptor, self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)

    async def wake(self, device: str) -> None:
        """See whether somebody speaks AT; the first answer may be lost to what was on the line before."""
        with contextlib.suppress(TimeoutError):
            await self._exchange("AT")
            return
        with contextlib.suppress(TimeoutError):
            await self._exchange("AT")
            # The answer to the first one may follow; it must not be taken for that to the next command.
            await asyncio.sleep(_LATE_S)
            return
        why = f"{device} does not answer AT: a modem has several ports, and AT is often ttyUSB2 or ttyUSB3"
        raise Failed(Stage.DEVICE, Reason.TIMEOUT, why)

    async def ask(self, command: str) -> list[str]:
        """Send a command and give its lines up to the final one; raises Failed if none comes in time."""
        try:
            return await self._exchange(command)
        except TimeoutError:
            why = f"the modem did not answer {command} within {self._timeout_s:g} s"
            raise Failed(Stage.DEVICE, Reason.TIMEOUT, why) from None

    async def _exchange(self, command: str) -> list[str]:
        self._heard.clear()
        async with asyncio.timeout(self._timeout_s):
            await self._write(f"{command}\r".encode("ascii"))
            while True:
                if self._fault is not None:
                    raise self._fault
                lines = self._lines()
                if any(line.startswith(FINAL) for line in lines):
                    return lines
                self._news.clear()
                await self._news.wait()

    async def _write(self, data: bytes) -> None:
        """Write all of a command; a port whose buffer is full is waited for."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, f"{_GONE} ({error.strerror})") from error

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._descriptor)

    def _lines(self) -> list[str]:
        """The lines that have come whole."""
        whole, _, _ = bytes(self._heard).rpartition(b"\n")
        return [line for line in (part.strip() for part in whole.decode("latin-1").splitlines()) if line]

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"{_GONE} ({error.strerror})")
            return
        if not data:
            self._fail(_GONE)
        self._heard += data
        if len(self._heard) > _LONGEST:
            self._fail("the port talks without end: is it the modem's AT port?")
        self._news.set()

    def _fail(self, why: str) -> None:
        # A port that has hung up is readable for ever.
        self._loop.remove_reader(self._descriptor)
        self._fault = Failed(Stage.DEVICE, Reason.NO_HARDWARE, why)
        self._news.set()


@contextlib.contextmanager
def _opened(device: str) -> Iterator[int]:
    """Open a port for ourselves alone, raw, and put its settings back when it is let go."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(device, error) from error
    try:
        before = _raw(descriptor, device)
        try:
            yield descriptor
        finally:
            with contextlib.suppress(termios.error):  # of a modem that was pulled out
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
    finally:
        os.close(descriptor)


def _raw(descriptor: int, device: str) -> list[Any]:
    """Lock the port and make it carry bytes as they are; gives the settings as they were."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _check_free(descriptor)
        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor, termios.TCSANOW)
        raw = termios.tcgetattr(descriptor)
        raw[_CFLAG] |= termios.CLOCAL | termios.CREAD
        raw[_ISPEED] = raw[_OSPEED] = _SPEED
        termios.tcsetattr(descriptor, termios.TCSANOW, raw)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except OSError as error:
        raise _refusal(device, error) from error
    except termios.error as error:
        raise Failed(Stage.DEVICE, Reason.NO_HARDWARE, f"{device} is not a serial port: {error.args[-1]}") from error
    return before


def _check_free(descriptor: int) -> None:
    """Raise EBUSY if somebody (ModemManager does) has this port for themselves: the kernel refuses all but root."""
    taken = bytearray(4)
    try:
        fcntl.ioctl(descriptor, _TIOCGEXCL, taken)
    except OSError:  # no terminal, or a kernel that does not know the question
        return
    if any(taken):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _refusal(device: str, error: OSError) -> Failed:
    if error.errno in {errno.EACCES, errno.EPERM}:
        why = f"{device} may not be opened: add the service's user to the group dialout"
        return Failed(Stage.DEVICE, Reason.NO_PERMISSION, why)
    if error.errno in {errno.EBUSY, errno.EAGAIN}:
        return Failed(Stage.DEVICE, Reason.BUSY, f"{device} is in use by another program")
    return Failed(Stage.DEVICE, Reason.NO_HARDWARE, f"{device}: {error.strerror}")
