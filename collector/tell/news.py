"""What a letter says, as those who tell it need it: an incident as it was at one transition. Pure.

Read leniently: what a letter lacks or has besides is no reason to keep it back. `is_tellable` is the last door: what
late data opened, and what somebody works on, is never told, whoever wrote the letter. The end of it is, to those who
had heard that it is open.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from collector.plans.types import Text

SEVERITIES: Final = ("notice", "warning", "critical")
RESOLVED: Final = "resolved"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The site as it was when the incident opened."""

    name: str | None = None
    kind: str | None = None
    area: str | None = None
    province: str | None = None
    commune: str | None = None
    provider: str | None = None
    plan: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What the sites of a parent have in common."""

    by: str
    name: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of its history."""

    at: datetime
    state: str
    who: str
    note: str | None = None


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as it was at a transition."""

    id: str
    site: str | None = None
    cause: str
    state: str
    severity: str = "warning"
    opened: datetime
    updated: datetime
    resolved: datetime | None = None
    summary: Text
    evidence: dict[str, Any] = {}
    history: list[Step] = []
    quiet: Any = None
    maintenance: Any = None
    parent: str | None = None
    children: list[str] = []
    first_action: Text | None = None
    about: About | None = None
    group: Group | None = None

    @property
    def active(self) -> bool:
        """Whether it still needs somebody."""
        return self.state != RESOLVED

    @property
    def is_tellable(self) -> bool:
        """Whether its trouble may be told to anybody: nothing that late data opened, nothing in maintenance."""
        return not self.quiet and not self.maintenance

    @property
    def place(self) -> About:
        """What is known of where it is; nothing of it, where the letter says nothing."""
        return self.about or About()

    @property
    def name(self) -> str:
        """What people call the site, or what a group's sites have in common."""
        if self.group is not None:
            return self.group.name
        return self.place.name or self.site or self.id

    @property
    def last(self) -> Step | None:
        """The transition that this letter is about."""
        return self.history[-1] if self.history else None


def read_news(body: str | bytes) -> News:
    """Read a letter; raises msgspec.MsgspecError for what is no incident at all."""
    return msgspec.json.decode(body, type=News)


def severity_rank(severity: str) -> int:
    """How grave it is; what nobody knows counts as a warning."""
    return SEVERITIES.index(severity if severity in SEVERITIES else "warning")
