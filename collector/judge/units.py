"""Numbers with their unit, as each language writes them. Pure."""

from typing import Final

_DIGITS: Final = range(2, 10)
_EXACT: Final = 9


def mbps_en(value: float, *, beside: float | None = None) -> str:
    """A speed as English writes it, one decimal at most; more where it would look equal to a mark that it is not.

    Beside a mark that is told by `mark_en` it never seems to lie on the other side.
    """
    return f"{_number(value, beside)} Mbit/s"


def mbps_vi(value: float, *, beside: float | None = None) -> str:
    """A speed as Vietnamese writes it, with a decimal comma."""
    return comma(mbps_en(value, beside=beside))


def mark_en(value: float) -> str:
    """A speed that others are compared with, as English writes it: all its digits, as rounding would move it."""
    return f"{value:.{_EXACT}f}".rstrip("0").removesuffix(".") + " Mbit/s"


def percent_en(share: float, *, beside: float | None = None) -> str:
    """A share as English writes it, in percent."""
    return f"{_number(100 * share, None if beside is None else 100 * beside)} %"


def percent_vi(share: float, *, beside: float | None = None) -> str:
    """A share as Vietnamese writes it, in percent."""
    return comma(percent_en(share, beside=beside))


def comma(number: str) -> str:
    """A number that English wrote, as Vietnamese writes it."""
    return number.replace(".", ",")


def _number(value: float, beside: float | None) -> str:
    text = f"{value:z.1f}"
    if beside is not None and text == f"{beside:.1f}" and value != beside:
        found = ((f"{value:.{digits}f}", f"{beside:.{digits}f}") for digits in _DIGITS)
        text = next((told for told, other in found if told != other), repr(value))
    return text.rstrip("0").removesuffix(".")
