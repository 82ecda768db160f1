"""Single keys from a terminal, without waiting for Enter."""

import asyncio
import os
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

_SOME: Final = 32
_CC: Final = 6  # a place in what termios.tcgetattr gives
_NO_KEY: Final = b"\0"


@contextmanager
def heard(number: int, keys: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Call what belongs to a key when it is pressed; `number`: a file descriptor, which need not be a terminal.

    Ctrl-C stays what it is; Ctrl-Z does nothing, since it would leave a drawn-on terminal behind, and the walk asleep.
    The terminal is put back as it was, whatever happens inside.
    """
    if not os.isatty(number):
        yield
        return
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(number)

    def read() -> None:
        try:
            pressed = os.read(number, _SOME)
        except OSError:
            pressed = b""
        if not pressed:  # the terminal is gone
            loop.remove_reader(number)
        for key in pressed.decode("utf-8", "replace").lower():
            keys.get(key, _nothing)()

    try:
        tty.setcbreak(number, termios.TCSANOW)
        without = termios.tcgetattr(number)
        without[_CC][termios.VSUSP] = _NO_KEY
        termios.tcsetattr(number, termios.TCSANOW, without)
        loop.add_reader(number, read)
        yield
    finally:
        loop.remove_reader(number)
        with suppress(termios.error):
            termios.tcsetattr(number, termios.TCSANOW, before)


def _nothing() -> None:
    """No such key."""
