"""Which band a channel number or ModemManager's band number means. Tables and look-ups, pure.

Sources: 3GPP TS 36.101, table 5.7.3-1 (downlink EARFCN); TS 38.104, table 5.4.2.3-1 (NR-ARFCN, downlink), where bands
overlap, so that a channel number alone often does not tell; ModemManager 1.20 API reference, MMModemBand.
"""

from collections.abc import Iterable
from typing import Final

from agent.radio.states import Technology

# Band, first and last downlink EARFCN.
_EARFCN: Final = (
    (1, 0, 599), (2, 600, 1199), (3, 1200, 1949), (4, 1950, 2399), (5, 2400, 2649), (6, 2650, 2749),
    (7, 2750, 3449), (8, 3450, 3799), (9, 3800, 4149), (10, 4150, 4749), (11, 4750, 4949), (12, 5010, 5179),
    (13, 5180, 5279), (14, 5280, 5379), (17, 5730, 5849), (18, 5850, 5999), (19, 6000, 6149), (20, 6150, 6449),
    (21, 6450, 6599), (22, 6600, 7399), (23, 7500, 7699), (24, 7700, 8039), (25, 8040, 8689), (26, 8690, 9039),
    (27, 9040, 9209), (28, 9210, 9659), (29, 9660, 9769), (30, 9770, 9869), (31, 9870, 9919), (32, 9920, 10359),
    (33, 36000, 36199), (34, 36200, 36349), (35, 36350, 36949), (36, 36950, 37549), (37, 37550, 37749),
    (38, 37750, 38249), (39, 38250, 38649), (40, 38650, 39649), (41, 39650, 41589), (42, 41590, 43589),
    (43, 43590, 45589), (44, 45590, 46589), (45, 46590, 46789), (46, 46790, 54539), (47, 54540, 55239),
    (48, 55240, 56739), (65, 65536, 66435), (66, 66436, 67335), (67, 67336, 67535), (68, 67536, 67835),
    (69, 67836, 68335), (70, 68336, 68585), (71, 68586, 68935),
)  # fmt: skip

# Band, first and last downlink NR-ARFCN: the bands of ITU region 3 and those that overlap them.
_NRARFCN: Final = (
    (1, 422000, 434000), (2, 386000, 398000), (3, 361000, 376000), (5, 173800, 178800), (7, 524000, 538000),
    (8, 185000, 192000), (20, 158200, 164200), (25, 386000, 399000), (26, 171800, 178800), (28, 151600, 160600),
    (34, 402000, 405000), (38, 514000, 524000), (39, 376000, 384000), (40, 460000, 480000), (41, 499200, 537999),
    (65, 422000, 440000), (66, 422000, 440000), (71, 123400, 130400), (77, 620000, 680000), (78, 620000, 653333),
    (79, 693334, 733333), (257, 2054166, 2104165), (258, 2016667, 2070832), (260, 2229166, 2279165),
    (261, 2070833, 2084999),
)  # fmt: skip

_GSM: Final = {
    1: "egsm", 2: "dcs", 3: "pcs", 4: "g850", 14: "g450", 15: "g480", 16: "g750", 17: "g380", 18: "g410",
    19: "g710", 20: "g810",
}  # fmt: skip
_UMTS: Final = {5: 1, 6: 3, 7: 4, 8: 6, 9: 5, 10: 8, 11: 9, 12: 2, 13: 7}
_EUTRAN: Final = range(31, 128)
_UMTS_LATER: Final = range(210, 256)
_NGRAN: Final = range(301, 600)


def lte_band(earfcn: int | None) -> str | None:
    """Name the band of a downlink EARFCN, as `b3`."""
    for band, first, last in _EARFCN:
        if earfcn is not None and first <= earfcn <= last:
            return f"b{band}"
    return None


def nr_band(nrarfcn: int | None, usable: Iterable[str] = ()) -> str | None:
    """Name the band of an NR-ARFCN, as `n78`: if only one has it, or only one of those that the modem may use."""
    found = [f"n{band}" for band, first, last in _NRARFCN if nrarfcn is not None and first <= nrarfcn <= last]
    if len(found) > 1:
        found = [name for name in found if name in set(usable)]
    return found[0] if len(found) == 1 else None


def band_name(number: int) -> str | None:
    """Name one of ModemManager's bands: `egsm`, `u8`, `b3`, `n78`; None for CDMA's and for "any"."""
    if number in _GSM:
        return _GSM[number]
    if number in _UMTS:
        return f"u{_UMTS[number]}"
    for numbers, letter, offset in ((_EUTRAN, "b", 30), (_UMTS_LATER, "u", 200), (_NGRAN, "n", 300)):
        if number in numbers:
            return f"{letter}{number - offset}"
    return None


def only_band(numbers: Iterable[int], technology: Technology | None) -> str | None:
    """Name the band that a modem must be on, since it may use no other of this technology; else None."""
    letter = {"umts": "u", "lte": "b", "nr_nsa": "b", "nr_sa": "n"}.get(technology or "")
    names = [name for name in map(band_name, numbers) if name is not None]
    if technology == "gsm":
        found = [name for name in names if name in _GSM.values()]
    else:
        found = [name for name in names if letter is not None and name.startswith(letter)]
    return found[0] if len(found) == 1 else None
