"""Words for levels, for people at a screen. Data, and one look-up; nothing is stored or judged by it.

3GPP defines what can be reported, not what is good. 4G's classes are a convention of makers of mobile routers: RSRP
from -80, -90, -100 dBm; RSRQ from -10, -15, -20 dB; SINR from 20, 13, 0 dB. They are stricter than limits of coverage
that regulators set. 5G's and 3G's are no maker's: they are this project's judgement. SS-RSRP is the power of the
synchronisation block alone, with other beams and bandwidths than LTE's RSRP, so 5G has a table of its own, with a lower
last bound; its RSRQ and SINR are judged as 4G's until somebody knows better. RSCP's was chosen by the same sense. A
level below the last bound is `none`, which people are told as weak: 4G may still work there. That there is no network
at all is said by the registration.
"""

from collections.abc import Mapping
from typing import Final, Literal

Class = Literal["excellent", "good", "fair", "none"]

_WORDS: Final[tuple[Class, ...]] = ("excellent", "good", "fair")

CLASSES: Final[Mapping[str, tuple[float, float, float]]] = {
    "rsrp_dbm": (-80, -90, -100),
    "rsrq_db": (-10, -15, -20),
    "sinr_db": (20, 13, 0),
    "nr_rsrp_dbm": (-80, -90, -105),
    "nr_rsrq_db": (-10, -15, -20),
    "nr_sinr_db": (20, 13, 0),
    "rscp_dbm": (-75, -85, -95),
}
"""By field of a sample: the least value of excellent, good and fair."""

SCALES: Final[Mapping[str, tuple[float, float]]] = {
    "rsrp_dbm": (-125, -75),
    "nr_rsrp_dbm": (-125, -75),
    "rscp_dbm": (-115, -65),
    "rssi_dbm": (-110, -55),
}
"""By field: where a bar on a screen is empty, and where it is full."""


def class_of(field: str, value: float) -> Class | None:
    """Name the class of a level; None for a field that has no table."""
    bounds = CLASSES.get(field)
    if bounds is None:
        return None
    return next((word for word, least in zip(_WORDS, bounds, strict=True) if value >= least), "none")
