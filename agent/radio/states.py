"""What ModemManager's numbers mean, as words. Tables only.

Source: ModemManager 1.20 API reference, "Flags and Enumerations" (MMModemState, MMModemStateFailedReason,
MMModemLock, MMModem3gppRegistrationState, MMModemAccessTechnology, MMModemLocationSource, MMCellType).
"""

from typing import Final, Literal

Technology = Literal["gsm", "umts", "lte", "nr_nsa", "nr_sa"]

STATES: Final[dict[int, str]] = {
    -1: "failed",
    0: "unknown",
    1: "initializing",
    2: "locked",
    3: "disabled",
    4: "disabling",
    5: "enabling",
    6: "enabled",
    7: "searching",
    8: "registered",
    9: "disconnecting",
    10: "connecting",
    11: "connected",
}
ENABLED: Final = 6
"""From this state on the modem listens to the air; before it, nothing that it says of levels is of now."""
FAILED: Final = -1
LOCKED: Final = 2

FAILED_REASONS: Final[dict[int, str]] = {
    2: "sim_missing",
    3: "sim_error",
    4: "unknown_capabilities",
    5: "esim_without_profiles",
}
LOCKS: Final[dict[int, str]] = {
    2: "sim_pin",
    3: "sim_pin2",
    4: "sim_puk",
    5: "sim_puk2",
    6: "ph_sp_pin",
    7: "ph_sp_puk",
    8: "ph_net_pin",
    9: "ph_net_puk",
    10: "ph_sim_pin",
    11: "ph_corp_pin",
    12: "ph_corp_puk",
    13: "ph_fsim_pin",
    14: "ph_fsim_puk",
    15: "ph_netsub_pin",
    16: "ph_netsub_puk",
}

REGISTRATIONS: Final[dict[int, str]] = {
    0: "idle",
    1: "home",
    2: "searching",
    3: "denied",
    4: "unknown",
    5: "roaming",
    6: "home_sms_only",
    7: "roaming_sms_only",
    8: "emergency_only",
    9: "home_csfb_not_preferred",
    10: "roaming_csfb_not_preferred",
    11: "attached_rlos",
}
"""The first ones are also the <stat> of AT+CREG, AT+CEREG and AT+C5GREG (3GPP TS 27.007, 7.2)."""
ON_A_NETWORK: Final = frozenset(REGISTRATIONS.values()) - {"idle", "searching", "denied", "unknown"}

_GSM: Final = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4  # GSM, compact, GPRS, EDGE
_UMTS: Final = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9  # UMTS, HSDPA, HSUPA, HSPA, HSPA+
_LTE: Final = 1 << 14 | 1 << 16 | 1 << 17  # LTE, Cat-M, NB-IoT
_NR: Final = 1 << 15
_ANY: Final = 0xFFFFFFFF

LOCATION_3GPP: Final = 1 << 0
LOCATION_GPS_RAW: Final = 1 << 1
LOCATION_GPS_NMEA: Final = 1 << 2

CELL_LTE: Final = 5
CELL_NR: Final = 6


def technology_of(mask: int) -> Technology | None:
    """Name what the modem uses now; LTE and 5G at once is 5G that leans on 4G (non-standalone). None: it does not say.

    Where it names several generations of the same service, the newest counts: it stands on one cell.
    """
    if mask == _ANY:
        return None
    if mask & _NR:
        return "nr_nsa" if mask & _LTE else "nr_sa"
    if mask & _LTE:
        return "lte"
    if mask & _UMTS:
        return "umts"
    return "gsm" if mask & _GSM else None


def roaming_of(registration: str | None) -> bool | None:
    """Whether this is another operator's network; None if the modem is on none, or does not say."""
    if registration is None or registration not in ON_A_NETWORK:
        return None
    if registration.startswith("home"):
        return False
    return True if registration.startswith("roaming") else None
