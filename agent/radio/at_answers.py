"""What a modem answers to AT commands, and what that says of the air. Pure; lines in, a sample out.

Standard answers: 3GPP TS 27.007: +CREG 7.2, +COPS 7.3, +CPIN 8.3, +CSQ 8.5, +CFUN 8.2, +CESQ 8.69, +CEREG 10.1.22,
+C5GREG 10.1.47. +CESQ gives steps of 1 dBm or half a dB; the lower edge of the step is taken.
Quectel's: "RG50xQ & RM5xxQ Series Network Application Note", AT+QENG="servingcell", and AT+QCSQ, whose LTE SINR counts
fifths of a dB from -20; that of +QENG is scaled differently from one model to the next, and is not read.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.radio.levels import level, sinr_beside
from agent.radio.reading import Levels, area_code, cell_id, modem_name, operator_code, operator_name
from agent.radio.states import ON_A_NETWORK, REGISTRATIONS, Technology, roaming_of
from agent.wire.results import Radio

COMMANDS: Final = (
    "AT+CGMI",
    "AT+CGMM",
    "AT+CFUN?",
    "AT+CPIN?",
    "AT+CREG?",
    "AT+CEREG?",
    "AT+C5GREG?",
    "AT+COPS?",
    "AT+CSQ",
    "AT+CESQ",
    'AT+QENG="servingcell"',
    "AT+QCSQ",
)
"""All that is ever asked. Each one reads; none changes the modem, the SIM or the network's view of them."""

FINAL: Final = ("OK", "ERROR", "+CME ERROR", "+CMS ERROR", "COMMAND NOT SUPPORT")
"""What ends an answer. NO CARRIER ends no reading command: it is somebody's call that hung up just then."""

_ACT: Final[dict[int, Technology]] = {
    0: "gsm",
    1: "gsm",
    2: "umts",
    3: "gsm",
    4: "umts",
    5: "umts",
    6: "umts",
    7: "lte",
    8: "gsm",
    9: "lte",
    10: "lte",
    11: "nr_sa",
    12: "nr_sa",
    13: "nr_nsa",
}
"""<AcT> of +COPS and +CEREG (TS 27.007, 7.3): 10 is LTE on a 5G core, 12 NG-RAN, 13 LTE and 5G at once."""

# What +CESQ's steps start from, how wide they are, and the last one.
_CESQ: Final = {
    "rxlev": (-111.0, 1.0, 63),
    "rscp": (-121.0, 1.0, 96),
    "ecno": (-24.5, 0.5, 49),
    "rsrq": (-20.0, 0.5, 34),
    "rsrp": (-141.0, 1.0, 97),
    "ss_rsrq": (-43.5, 0.5, 126),
    "ss_rsrp": (-157.0, 1.0, 126),
    "ss_sinr": (-23.5, 0.5, 127),
}
_CESQ_ORDER: Final = ("rxlev", "ber", "rscp", "ecno", "rsrq", "rsrp", "ss_rsrq", "ss_rsrp", "ss_sinr")
_CSQ_LAST: Final = 31

Answers = Mapping[str, Sequence[str]]
"""By command: the lines that came back, echo and final result included."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One serving cell as +QENG tells it: texts of its fields, by name."""

    technology: Technology
    fields: Mapping[str, str]

    def number(self, name: str) -> float | None:
        """Give a field as a number, if it is one."""
        return _number(self.fields.get(name, ""))


def radio_of(answers: Answers) -> Radio:
    """Read a sample, without position, from whatever the modem answered; what it did not is absent."""
    cells = list(serving_cells(answers.get('AT+QENG="servingcell"', ())))
    registration = _registration(answers)
    on_a_network = registration in ON_A_NETWORK
    technology = _technology(answers, cells) if on_a_network else None
    operator, code = _operator(answers)
    area, cell = _area(answers, technology, cells) if on_a_network else (None, None)
    state, reason = _state(answers, registration)
    return Radio(
        operator=operator if on_a_network else None,
        mcc_mnc=(code or _code(cells)) if on_a_network else None,
        technology=technology,
        band=_band(cells, technology),
        nr_band=_band(cells, "nr_sa") if technology == "nr_nsa" else None,
        cell=cell,
        tac=area if technology in {"lte", "nr_nsa", "nr_sa"} else None,
        lac=area if technology in {"gsm", "umts"} else None,
        registration=registration,
        roaming=roaming_of(registration),
        method="at",
        state=state,
        state_reason=reason,
        modem=modem_name(_line(answers, "AT+CGMI"), _line(answers, "AT+CGMM")),
        **(_levels(answers, cells, technology) if on_a_network else Levels()),
    )


def cesq(fields: Sequence[str]) -> dict[str, float]:
    """Give the levels of +CESQ by name (dBm, dB); 99 and 255, and numbers beyond the last step, are no levels."""
    found = {}
    for name, text in zip(_CESQ_ORDER, fields, strict=False):
        value = _number(text)
        if name in _CESQ and value is not None:
            start, step, last = _CESQ[name]
            if 0 <= value <= last:
                found[name] = start + step * value
    return found


def csq_dbm(fields: Sequence[str]) -> float | None:
    """Give +CSQ's received power; 99 is unknown, 100 and more belong to a technology that is not in use here."""
    value = _number(fields[0]) if fields else None
    return -113.0 + 2 * value if value is not None and 0 <= value <= _CSQ_LAST else None


def serving_cells(lines: Iterable[str]) -> Iterator[Cell]:
    """Read +QENG: one cell, or two where 5G leans on 4G. A layout that is not known gives none."""
    for fields in _fields(lines, "+QENG"):
        rest = fields[2:] if fields and fields[0] == "servingcell" else fields
        layout = _LAYOUTS.get(rest[0]) if rest else None
        if layout is not None and len(rest) > layout[1].index(layout[2]):
            yield Cell(layout[0], dict(zip(layout[1], rest, strict=False)))


_LTE: Final = (
    "rat", "duplex", "mcc", "mnc", "cell", "pcid", "channel", "band", "up", "down", "area", "rsrp", "rsrq", "rssi",
)  # fmt: skip
_SA: Final = (
    "rat", "duplex", "mcc", "mnc", "cell", "pcid", "area", "channel", "band", "down", "rsrp", "rsrq", "sinr",
)  # fmt: skip
_NSA: Final = ("rat", "mcc", "mnc", "pcid", "rsrp", "sinr", "rsrq", "channel", "band")
_WCDMA: Final = ("rat", "mcc", "mnc", "area", "cell", "channel", "psc", "rac", "rscp", "ecio")
_GSM: Final = ("rat", "mcc", "mnc", "area", "cell")

# What the fields are, and the one up to which a line must go. The first releases of NSA end after the RSRQ.
_LAYOUTS: Final[dict[str, tuple[Technology, tuple[str, ...], str]]] = {
    "LTE": ("lte", _LTE, "rssi"),
    "NR5G-SA": ("nr_sa", _SA, "sinr"),
    "NR5G-NSA": ("nr_nsa", _NSA, "rsrq"),
    "WCDMA": ("umts", _WCDMA, "ecio"),
    "GSM": ("gsm", _GSM, "cell"),
}
_LETTERS: Final[dict[Technology, str]] = {"lte": "b", "nr_sa": "n", "nr_nsa": "n"}
_AREA_LEAST: Final = 4


def _technology(answers: Answers, cells: Sequence[Cell]) -> Technology | None:
    """What the serving cells say; else what the operator's line says; else the registration's."""
    heard = [cell.technology for cell in cells if cell.technology != "nr_nsa" or level("rsrp", cell.number("rsrp"))]
    if "nr_nsa" in heard:
        return "nr_nsa"
    if heard:
        return heard[0]
    told = [fields[3] for fields in _fields(answers.get("AT+COPS?", ()), "+COPS") if len(fields) > 3]  # noqa: PLR2004 - mode, format, name, AcT
    told += [fields[4] for command in _REGISTERED for fields in _registered(answers, command) if len(fields) > 4]  # noqa: PLR2004 - n, stat, area, cell, AcT
    return next((_ACT[int(text)] for text in told if _is_code(text) and int(text) in _ACT), None)


_REGISTERED: Final = ("AT+C5GREG?", "AT+CEREG?", "AT+CREG?")
_SAYING: Final = ("denied", "searching", "emergency_only", "idle", "unknown")


def _registered(answers: Answers, command: str) -> Iterator[list[str]]:
    """Read +CREG and its kin. One that the modem sends of its own accord has no <n>, so its second field is quoted."""
    prefix = command.removeprefix("AT").removesuffix("?")
    for line in answers.get(command, ()):
        name, colon, rest = line.partition(":")
        parts = [part.strip() for part in rest.split(",")]
        if name == prefix and colon and len(parts) > 1 and _is_code(parts[1]):
            yield [part.strip('"') for part in parts]


def _registration(answers: Answers) -> str | None:
    """The registration of the newest network that has this modem; else what says most of why none has."""
    said = [
        REGISTRATIONS[int(fields[1])]
        for command in _REGISTERED
        for fields in _registered(answers, command)
        if int(fields[1]) in REGISTRATIONS
    ]
    return next((word for word in said if word in ON_A_NETWORK and word != "emergency_only"), None) or next(
        (word for word in _SAYING if word in said), None
    )


def _operator(answers: Answers) -> tuple[str | None, str | None]:
    """Name and code; the modem tells one of them, as it was last told to."""
    for fields in _fields(answers.get("AT+COPS?", ()), "+COPS"):
        if len(fields) > 2:  # noqa: PLR2004 - mode, format, name
            return operator_name(fields[2]), operator_code(fields[2])
    return None, None


def _code(cells: Sequence[Cell]) -> str | None:
    codes = (operator_code(cell.fields.get("mcc", "") + cell.fields.get("mnc", "")) for cell in cells)
    return next((code for code in codes if code is not None), None)


def _area(answers: Answers, technology: Technology | None, cells: Sequence[Cell]) -> tuple[str | None, str | None]:
    """Area and cell, from the serving cell, else from the registration of that technology."""
    for cell in cells:
        if "cell" in cell.fields:
            return area_code(cell.fields["area"]), cell_id(cell.fields["cell"])
    command = {"nr_sa": "AT+C5GREG?", "lte": "AT+CEREG?", "nr_nsa": "AT+CEREG?"}.get(technology or "", "AT+CREG?")
    for fields in _registered(answers, command):
        if len(fields) >= _AREA_LEAST:
            return area_code(fields[2]), cell_id(fields[3])
    return None, None


def _band(cells: Sequence[Cell], technology: Technology | None) -> str | None:
    """The band of a serving cell: LTE's for lte and the anchor of nr_nsa, else 5G's."""
    letter = "b" if technology in {"lte", "nr_nsa"} else "n"
    for cell in cells:
        number = cell.number("band")
        if _LETTERS.get(cell.technology) == letter and number is not None and number > 0:
            return f"{letter}{number:.0f}"
    return None


def _levels(answers: Answers, cells: Sequence[Cell], technology: Technology | None) -> Levels:
    steps = next((cesq(fields) for fields in _fields(answers.get("AT+CESQ", ()), "+CESQ")), {})
    power = next((csq_dbm(fields) for fields in _fields(answers.get("AT+CSQ", ()), "+CSQ")), None)
    found = Levels()
    if technology in {"lte", "nr_nsa"}:
        found |= _lte_levels(answers, _cell(cells, "lte"), steps, power)
    if technology in {"nr_sa", "nr_nsa"}:
        found |= _nr_levels(_cell(cells, "nr_sa") or _cell(cells, "nr_nsa"), steps)
    if technology == "umts":
        cell = _cell(cells, "umts")
        found = Levels(
            rscp_dbm=_level("rscp", cell, "rscp", steps.get("rscp")),
            ecio_db=_level("ecio", cell, "ecio", steps.get("ecno")),
            rssi_dbm=level("rssi", power),
        )
    if technology == "gsm":
        found = Levels(rssi_dbm=level("rssi", steps.get("rxlev", power)))
    return found


def _lte_levels(answers: Answers, cell: Cell | None, steps: Mapping[str, float], power: float | None) -> Levels:
    rsrp = _level("rsrp", cell, "rsrp", steps.get("rsrp"))
    fifths = [
        number
        for fields in _fields(answers.get("AT+QCSQ", ()), "+QCSQ")
        if len(fields) > 4 and fields[0] == "LTE" and (number := _number(fields[3])) is not None  # noqa: PLR2004 - LTE's line
    ]
    sinr = fifths[0] / 5 - 20 if fifths and 0 <= fifths[0] <= 250 else None  # noqa: PLR2004 - fifths of a dB from -20
    return Levels(
        rsrp_dbm=rsrp,
        rsrq_db=_level("rsrq", cell, "rsrq", steps.get("rsrq")),
        sinr_db=sinr_beside(rsrp, sinr),
        rssi_dbm=_level("rssi", cell, "rssi", power),
    )


def _nr_levels(cell: Cell | None, steps: Mapping[str, float]) -> Levels:
    rsrp = _level("rsrp", cell, "rsrp", steps.get("ss_rsrp"))
    sinr = cell.number("sinr") if cell is not None else steps.get("ss_sinr")
    return Levels(
        nr_rsrp_dbm=rsrp,
        nr_rsrq_db=_level("rsrq", cell, "rsrq", steps.get("ss_rsrq")),
        nr_sinr_db=sinr_beside(rsrp, sinr),
    )


def _level(kind: str, cell: Cell | None, name: str, otherwise: float | None) -> float | None:
    """A level as the serving cell's line has it, else as the standard answer does."""
    own = level(kind, cell.number(name)) if cell is not None else None
    return own if own is not None else level(kind, otherwise)


def _cell(cells: Sequence[Cell], technology: Technology) -> Cell | None:
    return next((cell for cell in cells if cell.technology == technology), None)


def _state(answers: Answers, registration: str | None) -> tuple[str, str | None]:
    """Say what the modem is doing in ModemManager's words, and why it can do no more."""
    sim = " ".join(answers.get("AT+CPIN?", ())).upper()
    for second in _SECOND:  # locks some numbers in the SIM's own book, and no network
        sim = sim.replace(second, "")
    if "SIM NOT INSERTED" in sim or re.search(r"ERROR: 10\b", sim):
        return "failed", "sim_missing"
    for words, reason in _PINS:
        if words in sim:
            return "locked", reason
    if any(fields[0] in {"0", "4"} for fields in _fields(answers.get("AT+CFUN?", ()), "+CFUN") if fields):
        return "disabled", None
    if registration in ON_A_NETWORK:
        return "registered", None
    return ("searching" if registration == "searching" else "enabled"), None


_SECOND: Final = ("SIM PIN2", "SIM PUK2")
_PINS: Final = (
    ("PH-SIM PIN", "ph_sim_pin"),
    ("PH-NET PIN", "ph_net_pin"),
    ("SIM PUK", "sim_puk"),
    ("SIM PIN", "sim_pin"),
    ("ERROR: 12", "sim_puk"),
    ("ERROR: 11", "sim_pin"),
)


def _line(answers: Answers, command: str) -> str | None:
    """The first line that is the answer itself: not the echo, not what the modem says of its own accord."""
    for line in answers.get(command, ()):
        own = line.removeprefix(f"{command.removeprefix('AT')}:").strip().strip('"')
        if own and not own.upper().startswith(("AT+", "+", "^", "RING", "NO CARRIER", *FINAL)):
            return own
    return None


def _fields(lines: Iterable[str], prefix: str) -> Iterator[list[str]]:
    """Split the lines of one answer at their commas, quotes removed; a name with a comma in it stays whole."""
    for line in lines:
        name, colon, rest = line.partition(":")
        if name == prefix and colon:
            yield [field.strip() for field in next(csv.reader([rest.strip()], skipinitialspace=True), [])]


def _is_code(text: str) -> bool:
    """Whether a field is one of 3GPP's short numbers; Python takes more for digits, and longer."""
    return text.isascii() and text.isdigit() and len(text) <= 3  # noqa: PLR2004 - the longest is 255


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
