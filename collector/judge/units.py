"""Numbers with their unit, as each language writes them. Pure."""

from typing import Final

_DIGITS: Final = (1, 2, 3)


def mbps_en(value: float, *, beside: float | None = None) -> str:
    """A speed as English writes it, one decimal at most; more where it would look equal to a mark that it is not."""
    return f"{_number(value, beside)} Mbit/s"


def mbps_vi(value: float, *, beside: float | None = None) -> str:
    """A speed as Vietnamese writes it, with a decimal comma."""
    return comma(mbps_en(value, beside=beside))


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
    text = f"{value:.1f}"
    if beside is not None and value != beside:
        for digits in _DIGITS:
            text = f"{value:.{digits}f}"
            if text != f"{beside:.{digits}f}":
                break
    return text.rstrip("0").removesuffix(".")
