"""The live view of a survey on a terminal. Beside agent/terminal.py the only importer of rich.

What to show is decided in agent/survey/view.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.survey.view import Line, Pane
from agent.words import Language, language

STYLES: Final[Mapping[str, str]] = {
    "excellent": "bold green",
    "good": "cyan",
    "fair": "yellow",
    "weak": "red",
    "none": "bold red",
    "unknown": "dim",
    "you": "bold reverse",
    "stop": "magenta",
    "reached": "bold magenta",
    "bold": "bold",
    "dim": "dim",
    "note": "bold yellow",
    "": "",
}


class LiveScreen:
    """The whole terminal while somebody walks; what stood there before comes back at the end."""

    def __init__(self, environment: Mapping[str, str], *, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._tongue: Language = language(environment)
        self._live: Live | None = None

    @property
    def is_live(self) -> bool:
        """Whether there is a terminal that can be drawn on."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    @property
    def pane(self) -> Pane:
        """How large the terminal is now."""
        unicode = self._console.encoding.lower().startswith("utf")
        return Pane(self._console.width, self._console.height, self._tongue, unicode)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the terminal for the block."""
        with Live(console=self._console, screen=True, auto_refresh=False, redirect_stderr=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines and nothing else."""
        if self._live is not None:
            self._live.update(text_of(lines), refresh=True)


def text_of(lines: Sequence[Line]) -> Text:
    """Put lines together; each ends where it ends, whatever it holds."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for at, line in enumerate(lines):
        text.append("\n" if at else "")
        for segment in line:
            text.append(segment.text, STYLES[segment.look])
    return text
