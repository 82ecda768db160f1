"""Silences as Alertmanager and Grafana keep them, and whether one is on an alert. Pure."""

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_LONGEST: Final = 1000  # of a pattern
_MOST: Final = 5  # things in one pattern that may be as long as they like
_MANY: Final = re.compile(r"[*+{]")
_REPEATED: Final = re.compile(r"\)[*+{]")
_FOLDS: Final = re.compile(r"\(\?[a-zA-Z]*i")


def _is_match(pattern: str, value: str) -> bool | None:
    """Whether a pattern of Alertmanager's (RE2) matches the whole value; None: that is not known.

    RE2 never takes long. Python's may, for a pattern that repeats what repeats: those are not tried.
    """
    if len(pattern) > _LONGEST or _REPEATED.search(pattern) or len(_MANY.findall(pattern)) > _MOST:
        return None
    kinds = re.NOFLAG if _FOLDS.search(pattern) else re.ASCII  # RE2's \w and \d are ASCII; its (?i) is not
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of what means something else in RE2, such as [[:alpha:]]
            return re.fullmatch(pattern, value, kinds) is not None
    except (re.error, FutureWarning, OverflowError):
        return None


class Matcher(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: =, !=, =~ or !~. A pattern must match the whole value; a label that is not there is empty."""

    name: str
    value: str
    is_regex: bool = msgspec.field(name="isRegex", default=False)
    is_equal: bool = msgspec.field(name="isEqual", default=True)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds; a pattern that cannot be read matches nothing, so that the alert is told."""
        value = labels.get(self.name, "")
        if not self.is_regex:
            return (value == self.value) == self.is_equal
        found = _is_match(self.value, value)
        return found is not None and found == self.is_equal


class Status(msgspec.Struct, frozen=True):
    """Whether it holds now."""

    state: str


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence, as GET /api/v2/silences gives it."""

    id: str
    status: Status
    matchers: list[Matcher]

    def silences(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds now and all its conditions do."""
        active = self.status.state == "active" and bool(self.matchers)
        return active and all(matcher.matches(labels) for matcher in self.matchers)


def read_silences(answer: bytes) -> list[Silence]:
    """Read an answer; one silence that cannot be read makes none of the others void. Raises msgspec.MsgspecError."""
    raw = msgspec.json.decode(answer, type=list[Any])
    found = []
    for each in raw:
        try:
            found.append(msgspec.convert(each, Silence))
        except msgspec.ValidationError:
            continue
    return found


def silence_on(labels: Mapping[str, str], silences: Iterable[Silence]) -> str | None:
    """The id of a silence that is on an alert with these labels."""
    return next((each.id for each in silences if each.silences(labels)), None)
