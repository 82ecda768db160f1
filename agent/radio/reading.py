"""From what ModemManager says to a sample: one pure mapping, where every unknown becomes absent.

The properties' names and types: ModemManager 1.20 API reference, org.freedesktop.ModemManager1.Modem, .Modem3gpp,
.Signal, .Location. Levels of one technology never stand for another's: what the modem remembers of LTE while it is on
5G alone is not read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from agent.radio.bands import band_name, lte_band, nr_band, only_band
from agent.radio.levels import level, sinr_beside
from agent.radio.states import (
    CELL_LTE,
    CELL_NR,
    FAILED,
    FAILED_REASONS,
    LOCATION_3GPP,
    LOCKED,
    LOCKS,
    ON_A_NETWORK,
    REGISTRATIONS,
    STATES,
    Technology,
    roaming_of,
    technology_of,
)
from agent.wire.failure import Failure
from agent.wire.results import Radio

_TEXT: Final = 200
_PERCENT: Final = 100
_NO_AREA: Final = frozenset({"", "0", "FFFE", "FFFF", "FFFFFE", "FFFFFF"})
_NO_CELL: Final = frozenset({"", "0", "FFFF", "FFFFFFF", "FFFFFFFF", "FFFFFFFFF"})
_HEX: Final = frozenset("0123456789ABCDEF")

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What ModemManager says of one modem: properties by interface (empty if it has none), location, cells.

    `missing`: parts that were asked for and refused, with the reason.
    """

    modem: Properties = field(default_factory=dict)
    network: Properties = field(default_factory=dict)
    signal: Properties = field(default_factory=dict)
    location: Mapping[int, Any] = field(default_factory=dict)
    cells: Sequence[Properties] = ()
    missing: Mapping[str, Failure] = field(default_factory=dict)


class Levels(TypedDict, total=False):
    """The levels of the technology in use, as a sample names them."""

    rsrp_dbm: float | None
    rsrq_db: float | None
    sinr_db: float | None
    rssi_dbm: float | None
    nr_rsrp_dbm: float | None
    nr_rsrq_db: float | None
    nr_sinr_db: float | None
    rscp_dbm: float | None
    ecio_db: float | None


def radio_of(snapshot: Snapshot) -> Radio:
    """Read a sample, without position. A modem that is on no network gives its state and registration, and no more."""
    modem, network = snapshot.modem, snapshot.network
    state = _whole(modem.get("State"), 0)
    registration = REGISTRATIONS.get(_whole(network.get("RegistrationState"), -1))
    on_a_network = registration in ON_A_NETWORK
    technology = technology_of(_whole(modem.get("AccessTechnologies"), 0)) if on_a_network else None
    mcc_mnc, lac, cell, tac = _place(snapshot.location.get(LOCATION_3GPP)) if on_a_network else (None,) * 4
    code = operator_code(network.get("OperatorCode")) if on_a_network else None
    levels = levels_of(snapshot.signal, technology) if on_a_network else Levels()
    band = _band(snapshot, technology)
    found = {"band": band, "cell": cell}
    return Radio(
        operator=operator_name(network.get("OperatorName")) if on_a_network else None,
        mcc_mnc=code or mcc_mnc,
        technology=technology,
        band=band,
        nr_band=_nr_band(snapshot) if technology == "nr_nsa" else None,
        cell=cell,
        tac=tac if technology in {None, "lte", "nr_nsa", "nr_sa"} else None,
        lac=lac if technology in {None, "gsm", "umts"} else None,
        registration=registration,
        roaming=roaming_of(registration),
        method="modemmanager",
        state=STATES.get(state, "unknown"),
        state_reason=_state_reason(modem, state),
        modem=modem_name(modem.get("Manufacturer"), modem.get("Model")),
        quality_ratio=_quality(modem) if on_a_network else None,
        missing={part: why for part, why in snapshot.missing.items() if found.get(part) is None},
        **levels,
    )


def levels_of(signal: Properties, technology: Technology | None) -> Levels:
    """Read the levels of the technology in use; of none that the modem does not say it uses."""
    found = Levels()
    if technology in {"lte", "nr_nsa"}:
        lte = _table(signal, "Lte")
        rsrp = level("rsrp", lte.get("rsrp"))
        found |= Levels(
            rsrp_dbm=rsrp,
            rsrq_db=level("rsrq", lte.get("rsrq")),
            sinr_db=sinr_beside(rsrp, lte.get("snr")),
            rssi_dbm=level("rssi", lte.get("rssi")),
        )
    if technology in {"nr_nsa", "nr_sa"}:
        nr = _table(signal, "Nr5g")
        rsrp = level("rsrp", nr.get("rsrp"))
        found |= Levels(
            nr_rsrp_dbm=rsrp, nr_rsrq_db=level("rsrq", nr.get("rsrq")), nr_sinr_db=sinr_beside(rsrp, nr.get("snr"))
        )
    if technology == "umts":
        umts = _table(signal, "Umts")
        found = Levels(
            rscp_dbm=level("rscp", umts.get("rscp")),
            ecio_db=level("ecio", umts.get("ecio")),
            rssi_dbm=level("rssi", umts.get("rssi")),
        )
    if technology == "gsm":
        found = Levels(rssi_dbm=level("rssi", _table(signal, "Gsm").get("rssi")))
    return found


def has_levels(signal: Properties) -> bool:
    """Whether ModemManager has read any levels from the modem yet, of whatever technology."""
    return any(_table(signal, name) for name in ("Gsm", "Umts", "Lte", "Nr5g"))


def operator_name(value: object) -> str | None:
    """The operator's name; a number is its code, not its name."""
    name = text_of(value)
    return None if name is None or name.isdigit() else name


def operator_code(value: object) -> str | None:
    """Country and network code, five or six digits."""
    code = text_of(value)
    return code if code is not None and code.isascii() and code.isdigit() and len(code) in {5, 6} else None


def area_code(value: str) -> str | None:
    """A tracking or location area, as hexadecimal without leading zeros; None for what networks mean by "none"."""
    return _code(value, _NO_AREA)


def cell_id(value: str) -> str | None:
    """A cell's identity, as hexadecimal without leading zeros; None for what modems mean by "none"."""
    return _code(value, _NO_CELL)


def modem_name(*parts: object) -> str | None:
    """Maker and model, without what stands in both."""
    words: list[str] = []
    for text in filter(None, map(text_of, parts)):
        if words and text.lower().startswith(words[0].lower()):
            words = []
        words.append(text)
    return " ".join(words)[:_TEXT] or None


def text_of(value: object) -> str | None:
    """A text that may be shown: without control characters, cut to what a report takes; None if nothing is left."""
    if not isinstance(value, str):
        return None
    return "".join(char for char in value if char.isprintable()).strip()[:_TEXT] or None


def _code(value: str, none: frozenset[str]) -> str | None:
    code = value.strip().upper().lstrip("0")
    return code if code and set(code) <= _HEX and code not in none else None


def _place(value: object) -> tuple[str | None, str | None, str | None, str | None]:
    """Read "MCC,MNC,LAC,CI,TAC"; ModemManager before 1.10 has no TAC."""
    parts = value.split(",") if isinstance(value, str) else []
    if len(parts) < 4:  # noqa: PLR2004 - all but the TAC
        return None, None, None, None
    tac = area_code(parts[4]) if len(parts) > 4 else None  # noqa: PLR2004 - the TAC
    return operator_code(parts[0] + parts[1]), area_code(parts[2]), cell_id(parts[3]), tac


def _state_reason(modem: Properties, state: int) -> str | None:
    if state == FAILED:
        return FAILED_REASONS.get(_whole(modem.get("StateFailedReason"), 0))
    return LOCKS.get(_whole(modem.get("UnlockRequired"), 0)) if state == LOCKED else None


def _quality(modem: Properties) -> float | None:
    """The modem's bar, if ModemManager says that it is recent."""
    match modem.get("SignalQuality"):
        case [int(percent), True] if 0 < percent <= _PERCENT:
            return percent / _PERCENT
        case _:
            return None


def _band(snapshot: Snapshot, technology: Technology | None) -> str | None:
    bands = _numbers(snapshot.modem.get("CurrentBands"))
    if technology in {"lte", "nr_nsa"}:
        for cell in _serving(snapshot.cells, CELL_LTE):
            found = lte_band(_channel(cell, "earfcn"))
            if found is not None:
                return found
    if technology == "nr_sa":
        return _nr_band(snapshot)
    return only_band(bands, technology)


def _nr_band(snapshot: Snapshot) -> str | None:
    bands = _numbers(snapshot.modem.get("CurrentBands"))
    usable = [name for name in map(band_name, bands) if name is not None]
    for cell in _serving(snapshot.cells, CELL_NR):
        found = nr_band(_channel(cell, "nrarfcn"), usable)
        if found is not None:
            return found
    return only_band(bands, "nr_sa")


def _serving(cells: Iterable[Properties], kind: int) -> list[Properties]:
    return [cell for cell in cells if cell.get("serving") is True and cell.get("cell-type") == kind]


def _channel(cell: Properties, name: str) -> int | None:
    value = cell.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _table(properties: Properties, name: str) -> Properties:
    value = properties.get(name)
    return value if isinstance(value, Mapping) else {}


def _numbers(value: object) -> list[int]:
    return [number for number in value if isinstance(number, int)] if isinstance(value, list | tuple) else []


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
