"""Which level of a sample stands for it on a screen, and what that level amounts to. Pure."""

from typing import Final, Literal, NamedTuple

from agent.radio.classes import class_of
from agent.wire.results import Radio

Mark = Literal["excellent", "good", "fair", "weak", "none", "unknown"]
"""`weak`: below the last class, which is a signal all the same; `none`: a modem that hears no network."""

FIELDS: Final = ("nr_rsrp_dbm", "rsrp_dbm", "rscp_dbm", "rssi_dbm")
"""Best first: 5G's own level says more of 5G than its anchor's; RSSI is what 2G has."""
WORST_FIRST: Final[tuple[Mark, ...]] = ("none", "weak", "fair", "good", "excellent", "unknown")
_LISTENING: Final = frozenset({"enabled", "searching"})


class Level(NamedTuple):
    """A level by the name of its field, in dBm: numbers of different fields are never compared."""

    field: str
    dbm: float


def level_of(radio: Radio) -> Level | None:
    """Choose the level that is shown; None for a sample without any."""
    for field in FIELDS:
        dbm: float | None = getattr(radio, field)
        if dbm is not None:
            return Level(field, dbm)
    return None


def mark_of(radio: Radio) -> Mark:
    """Name the class of a sample. A modem that listens and hears no network marks a hole; one that cannot, nothing."""
    level = level_of(radio)
    if level is not None:
        found = class_of(level.field, level.dbm) or "unknown"
        return "weak" if found == "none" else found
    hole = radio.registration == "searching" or (radio.registration == "idle" and radio.state in _LISTENING)
    return "none" if hole else "unknown"
