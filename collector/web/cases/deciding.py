"""Forms about incidents as they came: decisions and planned work, or what is wrong beside which field. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from collector.errors import UsageError
from collector.incidents.acts import LONGEST, Action, Decision
from collector.incidents.maintenance import Extent, Window, checked

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
EXTENTS: Final[tuple[Extent, ...]] = get_args(Extent)
SILENCES: Final = (1, 4, 24, 72, 168, 720)
"""Hours that the form offers."""
Field = Literal["action", "who", "note", "hours", "until", "extent", "name", "starts", "ends"]
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOST: Final[Mapping[Field, int]] = {"who": 100, "note": 1000, "name": 200}
_PERIOD: Final = "Write a day and a time, like 2026-11-22 08:30."
_YEAR: Final = 9998


class Wrong(Exception):  # noqa: N818 - what came, and not an error of ours
    """What is wrong: by field a message of the catalogues, `{near}` filled in from `near`."""

    def __init__(self, faults: Mapping[Field, str], near: str = "") -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults
        self.near = near


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it came, so that nothing has to be typed again."""

    values: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """What stands in a field; nothing where it is not there."""
        return self.values.get(name, "")


def filled(form: Mapping[str, object]) -> Filled:
    """The fields of a form that are text, without blanks around them."""
    return Filled({name: value.strip() for name, value in form.items() if isinstance(value, str)})


def decision_of(form: Filled, now: datetime, zone: ZoneInfo) -> Decision:
    """What a person decided; raises Wrong."""
    action = next((action for action in ACTIONS if action == form["action"]), None)
    faults = _people(form)
    until: datetime | None = None
    if action is None:
        faults["action"] = "Choose what to do."
    if action == "note" and not form["note"]:
        faults.setdefault("note", "A note needs words.")
    if action == "silence":
        try:
            until = _silence(form, now, zone)
        except Wrong as wrong:
            faults |= wrong.faults
    if faults or action is None:
        raise Wrong(faults)
    return Decision(action, form["who"], form["note"] or None, until)


def window_of(form: Filled, now: datetime, zone: ZoneInfo) -> Window:
    """Work that somebody plans; raises Wrong."""
    extent = next((extent for extent in EXTENTS if extent == form["extent"]), None)
    faults = _people(form)
    moments: dict[Field, datetime] = {}
    for name in ("starts", "ends"):
        try:
            moments[name] = _moment(form[name], zone)
        except ValueError:
            faults[name] = _PERIOD
    faults |= _place(form, extent)
    if len(moments) > 1:
        faults |= _span(moments["starts"], moments["ends"], now)
    if faults or extent is None:
        raise Wrong(faults)
    try:
        return checked(
            Window(
                extent=extent, name=form["name"], starts=moments["starts"], ends=moments["ends"], who=form["who"],
                note=form["note"] or None,
            )
        )  # fmt: skip
    except UsageError as error:
        raise Wrong({"name": str(error)}) from error


def who_of(form: Filled) -> str:
    """The name alone; raises Wrong."""
    faults = _people(form)
    if faults:
        raise Wrong(faults)
    return form["who"]


def _people(form: Filled) -> dict[Field, str]:
    """What is wrong with name and words."""
    faults: dict[Field, str] = {}
    if not form["who"]:
        faults["who"] = "Write your name: it is kept with what you do."
    for name, most in _MOST.items():
        if len(form[name]) > most:
            faults[name] = "This is too long."
        elif _CONTROL.search(form[name]):
            faults[name] = "This holds a character that cannot be kept."
    return faults


def _silence(form: Filled, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Until when; None: until somebody ends it. A moment counts more than hours."""
    if form["until"]:
        try:
            until = _moment(form["until"], zone)
        except ValueError:
            raise Wrong({"until": _PERIOD}) from None
        where: Field = "until"
    elif not form["hours"]:
        return None
    else:
        where = "hours"
        try:
            until = now + timedelta(hours=float(form["hours"].replace(",", ".")))
        except (ValueError, OverflowError):
            raise Wrong({"hours": "Write a number of hours."}) from None
    if not now < until <= now + LONGEST:
        raise Wrong({where: "A silence ends in the future, within a year."})
    return until


def _place(form: Filled, extent: Extent | None) -> dict[Field, str]:
    if extent is None:
        return {"extent": "Choose where the work is."}
    if extent == "all":
        return {"name": "Everywhere has no name: leave it empty."} if form["name"] else {}
    return {} if form["name"] else {"name": "Name it: a site's id, a commune, or a provider."}


def _span(starts: datetime, ends: datetime, now: datetime) -> dict[Field, str]:
    if not timedelta(0) < ends - starts <= LONGEST:
        return {"ends": "Maintenance ends after it starts, and within a year."}
    return {"ends": "This is over already."} if ends <= now else {}


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A moment as a form's field writes it, in the province's zone; raises ValueError."""
    at = datetime.fromisoformat(text).replace(tzinfo=zone)
    if not 1 < at.year <= _YEAR:
        raise ValueError("a year that other zones may not have")
    return at
