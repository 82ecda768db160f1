"""Levels as modems give them, and which of those are levels at all. Pure.

Modems say "unknown" with numbers: -32768 (and its tenth), 255, 0, 2147483647, not-a-number. A value outside what 3GPP
can report is none: RSRP and RSRQ, TS 36.133 9.1.4 and 9.1.7; SS-RSRP, SS-RSRQ, SS-SINR, TS 38.133 10.1.6, 10.1.11,
10.1.16; RS-SINR, TS 36.133 9.1.17; RSCP and Ec/No, TS 25.133 9.1.1 and 9.1.2; RXLEV, TS 45.008 8.1.4.
"""

import math
from typing import Final, NamedTuple


class _Bounds(NamedTuple):
    low: float
    high: float
    zero_is_unknown: bool = True


_BOUNDS: Final[dict[str, _Bounds]] = {
    "rsrp": _Bounds(-157.0, -31.0),
    "rsrq": _Bounds(-43.5, 20.0),
    # 0 dB is what the edge of a cell sounds like; it counts where the same cell's RSRP is known.
    "sinr": _Bounds(-23.5, 40.0, zero_is_unknown=False),
    "rssi": _Bounds(-125.0, -10.0),
    "rscp": _Bounds(-121.0, -24.0),
    "ecio": _Bounds(-32.0, 0.0),
}


def level(name: str, value: object) -> float | None:
    """Give a level (rsrp, rssi, rscp in dBm; rsrq, sinr, ecio in dB) to a tenth, or None for what is no level."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    bounds = _BOUNDS[name]
    if not bounds.low <= value <= bounds.high or (bounds.zero_is_unknown and value == 0):
        return None
    return round(float(value), 1)


def sinr_beside(rsrp: float | None, value: object) -> float | None:
    """Give a SINR; a bare 0 of a cell whose RSRP is unknown is no level."""
    sinr = level("sinr", value)
    return None if sinr == 0 and rsrp is None else sinr
