"""Silences as Alertmanager and Grafana keep them, and whether one is on an alert. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_LONGEST: Final = 1000  # of a pattern


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
        try:
            found = len(self.value) <= _LONGEST and re.fullmatch(f"(?:{self.value})", value) is not None
        except re.error:
            return False
        return found == self.is_equal


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
