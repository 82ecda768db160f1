"""One row of a card: what the modules that say what a kind found have in common."""

from typing import Literal, NamedTuple

Look = Literal["", "figure", "plot", "aside", "doubt"]


class Row(NamedTuple):
    """A label, what it says, and how it is meant; a row without a label belongs to the one above."""

    label: str
    value: str
    look: Look = ""
