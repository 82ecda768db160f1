"""Modems as ModemManager describes them: property sets in the form, and with the oddities, of real ones."""

from typing import Any

from dbus_fast import Variant

from tests.agent.radio.standin import LOCATION, MODEM, NETWORK, SIGNAL, Plugged

GSM, EDGE, UMTS, HSPA_PLUS, LTE, NR = 1 << 1, 1 << 4, 1 << 5, 1 << 9, 1 << 14, 1 << 15
NO_SOURCE, LAC_CI, GPS_RAW, GPS_NMEA = 0, 1, 2, 4
SERVING, NEIGHBOUR = (Variant("b", value) for value in (True, False))
EVERY_LTE = [31, 33, 35, 37, 38, 50, 58, 68, 70, 71]
EVERY_NR = [301, 303, 305, 308, 328, 341, 377, 378]


def place(text: str) -> dict[int, Variant]:
    """What GetLocation says of the cell."""
    return {LAC_CI: Variant("s", text)}


def modem(
    *,
    state: int,
    technologies: int = 0,
    registration: int | None = None,
    operator: tuple[str, str] = ("", ""),
    **other: Any,  # noqa: ANN401 - property values
) -> dict[str, dict[str, Any]]:
    """The properties of a modem that ModemManager has got as far as `state` with; no interface before its time."""
    values: dict[str, dict[str, Any]] = {
        MODEM: {
            "Sim": "/" if state == -1 else "/org/freedesktop/ModemManager1/SIM/0",
            "Bearers": [],
            "Manufacturer": "Quectel",
            "Model": "RM520N-GL",
            "Device": "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1",
            "PrimaryPort": "cdc-wdm0",
            "Ports": [["cdc-wdm0", 6], ["ttyUSB2", 3], ["wwan0", 2]],
            "EquipmentIdentifier": "860000000000017",
            "UnlockRequired": 1,
            "State": state,
            "StateFailedReason": 0,
            "AccessTechnologies": technologies,
            "SignalQuality": [0, False],
            "CurrentBands": EVERY_LTE,
        }
        | other
    }
    if registration is not None:
        values[NETWORK] = {
            "Imei": "860000000000017",
            "RegistrationState": registration,
            "OperatorCode": operator[1],
            "OperatorName": operator[0],
        }
        values[SIGNAL] = {"Rate": 0, "Gsm": {}, "Umts": {}, "Lte": {}, "Nr5g": {}}
        values[LOCATION] = {
            "Capabilities": LAC_CI,
            "Enabled": LAC_CI,
            "SignalsLocation": False,
            "GpsRefreshRate": 30,
        }
    return values


def lte() -> Plugged:
    """A 4G modem over QMI, connected: everything known, 5G values as sentinels."""
    return Plugged(
        modem(
            state=11,
            technologies=LTE,
            registration=1,
            operator=("Viettel", "45204"),
            Manufacturer="QUALCOMM INCORPORATED",
            Model="EC25",
            SignalQuality=[61, True],
            Bearers=["/org/freedesktop/ModemManager1/Bearer/3"],
        ),
        levels={
            "Lte": {"rssi": -66.0, "rsrq": -11.0, "rsrp": -97.0, "snr": 8.2},
            "Nr5g": {"rsrp": -32768.0, "rsrq": -32768.0, "snr": -3276.8},
        },
        place=place("452,04,FFFE,2A1F03,1F2C"),
        cells=[
            {"cell-type": Variant("u", 5), "serving": NEIGHBOUR, "earfcn": Variant("u", 100)},
            {"cell-type": Variant("u", 5), "serving": SERVING, "earfcn": Variant("u", 1300)},
        ],
    )


def nsa() -> Plugged:
    """5G that leans on a 4G anchor: both sets of levels, neither in the other's place."""
    return Plugged(
        modem(
            state=11,
            technologies=LTE | NR,
            registration=1,
            operator=("VINAPHONE", "45202"),
            SignalQuality=[78, True],
            CurrentBands=[*EVERY_LTE, 378],
        ),
        levels={
            "Lte": {"rssi": -58.0, "rsrq": -9.0, "rsrp": -86.0, "snr": 14.0},
            "Nr5g": {"rsrq": -10.5, "rsrp": -92.0, "snr": 0.0},
        },
        place=place("452,02,0,5B2A10C,2EE1"),
        cells=[{"cell-type": Variant("u", 5), "serving": SERVING, "earfcn": Variant("u", 550)}],
    )


def sa() -> Plugged:
    """5G alone: what the modem remembers of 4G is not of now."""
    return Plugged(
        modem(
            state=8,
            technologies=NR,
            registration=1,
            operator=("MobiFone", "45201"),
            SignalQuality=[70, True],
            CurrentBands=[*EVERY_LTE, *EVERY_NR],
        ),
        levels={
            "Lte": {"rssi": -60.0, "rsrq": -8.0, "rsrp": -81.0, "snr": 20.0},
            "Nr5g": {"rsrq": -11.0, "rsrp": -88.0, "snr": 17.5},
        },
        place=place("452,01,0,1F2C3A4B5,00A1B2"),
        cells=[
            {"cell-type": Variant("u", 6), "serving": SERVING, "nrarfcn": Variant("u", 507150)},
        ],
    )


def umts() -> Plugged:
    """3G over AT commands: Ec/No and RSCP, no RSSI worth the name, an operator that gives only its number."""
    return Plugged(
        modem(
            state=8,
            technologies=UMTS | HSPA_PLUS,
            registration=1,
            operator=("45204", "45204"),
            Manufacturer="huawei",
            Model="E3372",
            SignalQuality=[45, True],
            CurrentBands=[5, 10],
        ),
        levels={"Umts": {"rssi": -255.0, "rscp": -94.0, "ecio": -7.5}},
        place=place("452,04,77CD,1CEAD8F,0"),
    )


def gsm() -> Plugged:
    """2G in a valley, at another operator's mast, with one band allowed."""
    return Plugged(
        modem(
            state=8,
            technologies=GSM | EDGE,
            registration=5,
            operator=("VN Vinaphone", "45202"),
            SignalQuality=[33, True],
            CurrentBands=[1],
        ),
        levels={"Gsm": {"rssi": -89.0}},
        place=place("452,02,2EE,1A2B"),
    )


def roaming() -> Plugged:
    """4G near the border, on a foreign network; the modem's driver says NaN for what it does not know."""
    return Plugged(
        modem(state=11, technologies=LTE, registration=10, operator=("CHN-UNICOM", "46001"), SignalQuality=[40, True]),
        levels={"Lte": {"rssi": 0.0, "rsrq": -14.0, "rsrp": -109.0, "snr": float("nan")}},
        place=place("460,01,FFFE,D30156,6FFE"),
    )


def searching() -> Plugged:
    """No mast heard; levels and place of the last one still stand in the modem."""
    return Plugged(
        modem(state=7, technologies=0, registration=2, operator=("Viettel", "45204"), SignalQuality=[0, False]),
        levels={"Lte": {"rssi": -113.0, "rsrq": -32768.0, "rsrp": -32768.0, "snr": -3276.8}},
        place=place("452,04,FFFE,2A1F03,1F2C"),
    )


def denied() -> Plugged:
    """A mast is heard, and its network does not want this SIM."""
    return Plugged(
        modem(state=6, technologies=LTE, registration=3, operator=("", "")),
        levels={"Lte": {"rssi": -70.0, "rsrq": -10.0, "rsrp": -95.0, "snr": 9.0}},
    )


def no_sim() -> Plugged:
    """ModemManager gives up at once: no interface but the modem's."""
    return Plugged(modem(state=-1, StateFailedReason=2, UnlockRequired=0))


def locked() -> Plugged:
    """The SIM wants its PIN: no interface but the modem's."""
    return Plugged(modem(state=2, UnlockRequired=2))


def disabled() -> Plugged:
    """Found, unlocked, and never switched on: what the box says that nobody uses its modem."""
    return Plugged(modem(state=3, registration=0, operator=("", "")))
