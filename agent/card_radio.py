"""The card of a modem's sample: what it hears, of whom, and where; or why it hears nothing. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from agent.card_row import Row
from agent.radio.classes import SCALES, class_of
from agent.radio.states import ON_A_NETWORK
from agent.wire.failure import Failure, Reason
from agent.wire.results import Radio
from agent.words import Language, advice_on_radio, say

_DOT: Final = " · "
_COLUMNS: Final = 20
_MAIN: Final = ("rsrp_dbm", "nr_rsrp_dbm", "rscp_dbm", "rssi_dbm")
_BESIDE: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "rsrp_dbm": (("RSRQ", "rsrq_db"), ("SINR", "sinr_db"), ("RSSI", "rssi_dbm")),
    "nr_rsrp_dbm": (("SS-RSRQ", "nr_rsrq_db"), ("SS-SINR", "nr_sinr_db")),
    "rscp_dbm": (("Ec/No", "ecio_db"), ("RSSI", "rssi_dbm")),
}


def rows(result: Radio, tongue: Language) -> list[Row]:
    """Say what the modem is doing, its levels with bars, whose mast it hears, where it stands, and what is missing."""
    return [
        Row(say("state", tongue), _state(result, tongue), "figure"),
        *_levels(result, tongue),
        Row(say("operator", tongue), _operator(result, tongue)),
        Row(say("cell", tongue), _cell(result)),
        Row(say("place", tongue), _place(result, tongue)),
        Row(say("modem", tongue), _joined((result.modem, result.method))),
        *_missing(result.missing, tongue),
        Row(say("check", tongue), advice_on_radio(_trouble(result), tongue)),
    ]


def bar(field: str, value: float, *, columns: int = _COLUMNS) -> str:
    """Draw a level between what is hardly a signal and what is a full one."""
    low, high = SCALES[field]
    full = round(min(1.0, max(0.0, (value - low) / (high - low))) * columns)
    return "█" * full + "░" * (columns - full)


def _state(result: Radio, tongue: Language) -> str:
    refused = result.registration if result.registration in {"denied", "emergency_only"} else None
    return _joined(
        (
            say(f"tech:{result.technology}", tongue) if result.technology else "",
            say(f"modem:{result.state}", tongue) if result.state else "",
            say(f"lock:{result.state_reason}", tongue) if result.state_reason else "",
            say(f"registration:{refused}", tongue) if refused else "",
        )
    )


def _levels(result: Radio, tongue: Language) -> list[Row]:
    """One bar a generation; a RSSI has one only where there is nothing better."""
    found: list[Row] = []
    for field in _MAIN:
        value = getattr(result, field)
        if value is None or (field == "rssi_dbm" and found):
            continue
        text = f"{bar(field, value)}  {value:.0f} dBm{_class(field, value, tongue)}"
        found.append(Row(say(f"signal:{field}", tongue), text, "plot"))
        beside = [
            f"{name} {level:g} {'dBm' if key.endswith('_dbm') else 'dB'}{_class(key, level, tongue)}"
            for name, key in _BESIDE.get(field, ())
            if (level := getattr(result, key)) is not None
        ]
        found.append(Row("", _joined(beside), "aside"))
    return found


def _class(field: str, value: float, tongue: Language) -> str:
    name = class_of(field, value)
    return f" {say(f'class:{name}', tongue)}" if name else ""


def _operator(result: Radio, tongue: Language) -> str:
    code = f"({result.mcc_mnc})" if result.operator and result.mcc_mnc else result.mcc_mnc or ""
    return _joined((f"{result.operator or ''} {code}".strip(), say("roaming", tongue) if result.roaming else ""))


def _cell(result: Radio) -> str:
    band = " + ".join(filter(None, (result.band, result.nr_band)))
    area = f"TAC {result.tac}" if result.tac else f"LAC {result.lac}" if result.lac else ""
    return _joined((result.cell, area, band))


def _place(result: Radio, tongue: Language) -> str:
    if result.latitude is None or result.longitude is None:
        return ""
    return _joined(
        (
            f"{result.latitude:.5f}, {result.longitude:.5f}",
            "" if result.accuracy_m is None else f"± {result.accuracy_m:.0f} m",
            say(f"source:{result.position_source}", tongue) if result.position_source else "",
        )
    )


def _missing(missing: Mapping[str, Failure], tongue: Language) -> list[Row]:
    found: list[Row] = []
    for part, why in missing.items():
        text = f"{say(f'missing:{part}', tongue)}: {say(f'reason:{why.reason}', tongue)}"
        found += [Row("" if found else say("not_read", tongue), text, "doubt"), Row("", why.detail or "", "aside")]
    return found


def _trouble(result: Radio) -> str:
    """What there is to advise on, the worst first."""
    if result.state_reason or result.state == "disabled":
        return result.state_reason or "disabled"
    if result.registration is not None and result.registration not in ON_A_NETWORK:
        return result.registration if result.registration == "denied" else "searching"
    refused = [why for part, why in result.missing.items() if part != "band" and why.reason == Reason.NO_PERMISSION]
    return "no_permission" if refused else ""


def _joined(parts: Iterable[str | None]) -> str:
    return _DOT.join(part for part in parts if part)
