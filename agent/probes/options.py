"""How probes read their own options: strings from the command line or the file, strictly, one plain line if wrong."""

import math
import re
from collections.abc import Collection, Mapping

from agent.errors import UsageError


def check_names(kind: str, options: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse an option that this kind does not have."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(f"{kind} has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")


def number(kind: str, options: Mapping[str, str], name: str, *, bounds: tuple[float, float], default: float) -> float:
    """Give an option as a number within its bounds, or the default."""
    text = options.get(name)
    if text is None:
        return default
    low, high = bounds
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise UsageError(f"{kind} option {name}: expected a number from {low:g} to {high:g}, not {text!r}")
    return value


def whole_number(kind: str, options: Mapping[str, str], name: str, *, bounds: tuple[int, int], default: int) -> int:
    """Give an option as a whole number within its bounds, or the default."""
    value = number(kind, options, name, bounds=bounds, default=default)
    if value != int(value):
        raise UsageError(f"{kind} option {name}: expected a whole number, not {options[name]!r}")
    return int(value)


def words(text: str | None) -> list[str]:
    """Give the parts of a list that commas or spaces separate, each once; `none` stands for no part."""
    return [word for word in dict.fromkeys(re.split(r"[\s,]+", text or "")) if word not in {"", "none"}]
