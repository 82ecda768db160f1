"""Where a simulated agent stands: what its line can do and how often it fails. Pure; the seed decides everything."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Final

LOCAL: Final = timezone(timedelta(hours=7))
_BUSY_HOURS: Final = range(19, 23)
_BUSY_SHARE: Final = 0.35
_PLACES: Final = {
    "lang-son": ("huu-lung", "bac-son", "chi-lang", "loc-binh", "van-quan", "trang-dinh"),
    "bac-giang": ("luc-nam", "son-dong", "yen-the", "viet-yen", "luc-ngan"),
    "binh-phuoc": ("bu-dop", "bu-gia-map", "loc-ninh", "dong-phu"),
    "quang-ninh": ("ba-che", "binh-lieu", "van-don", "co-to", "tien-yen"),
}
_PLANS: Final = {province: f"{province}-2025" for province in ("lang-son", "bac-giang", "binh-phuoc")} | {
    "quang-ninh": "quang-ninh-2030"
}
_NAMES: Final = {"school": "Trường Tiểu học số", "clinic": "Trạm Y tế số", "office": "UBND xã số"}
_CENTRES: Final = {
    "lang-son": (21.85, 106.6), "bac-giang": (21.3, 106.4), "binh-phuoc": (11.75, 106.9), "quang-ninh": (21.2, 107.3)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Character:
    """How a kind of site behaves: share of its contract that it gets, spread, failing and doubtful runs, loss."""

    share: float
    spread: float
    failing: float
    doubtful: float
    loss: float


CHARACTERS: Final = {
    "good": Character(0.95, 0.05, 0.004, 0.03, 0.0005),
    "weak": Character(0.45, 0.25, 0.03, 0.08, 0.01),
    "failing": Character(0.6, 0.3, 0.35, 0.06, 0.06),
    "diurnal": Character(0.9, 0.1, 0.01, 0.04, 0.003),
}
_SHARES: Final = (62, 20, 6, 12)
_ACCESS: Final = ("fibre", "copper", "cellular_4g", "cellular_5g", "satellite")
_ACCESS_SHARES: Final = (72, 8, 15, 3, 2)
_CONTRACTS: Final = {
    "fibre": (100.0, 150.0, 300.0), "copper": (20.0, 40.0), "cellular_4g": (40.0,), "cellular_5g": (200.0,),
    "satellite": (50.0,),
}  # fmt: skip
_ROUND_TRIPS: Final = {"fibre": 8.0, "copper": 18.0, "cellular_4g": 38.0, "cellular_5g": 19.0, "satellite": 45.0}
_PROVIDERS: Final = ("VNPT", "Viettel", "FPT")
_IPV6: Final = ("dual_stack", "ipv4_only", "broken")


@dataclass(frozen=True, slots=True)
class SimSite:
    """One site. `down_mbps` and `up_mbps` as contracted; `rtt_ms` of the line at rest."""

    number: int
    character: str
    kind: str
    area: str
    province: str
    commune: str
    latitude: float
    longitude: float
    access: str
    provider: str
    down_mbps: float
    up_mbps: float
    rtt_ms: float
    ipv6: str
    wifi: bool

    @property
    def name(self) -> str:
        """As people would call it."""
        return f"{_NAMES[self.kind]} {self.number + 1}"

    @property
    def plan(self) -> str:
        """Whose targets bind it."""
        return _PLANS[self.province]

    @property
    def cellular(self) -> bool:
        """Whether it has a modem."""
        return self.access.startswith("cellular")

    def capacity(self, at: datetime) -> float:
        """Share of the contract that the line gives at this time of day."""
        busy = self.character == "diurnal" and at.astimezone(LOCAL).hour in _BUSY_HOURS
        return CHARACTERS[self.character].share * (_BUSY_SHARE if busy else 1.0)


def site_of(seed: int, number: int) -> SimSite:
    """Give the site of one agent: always the same for a seed, whatever the size of the fleet."""
    chance = Random(seed << 40 | number << 1)  # noqa: S311 - a simulation
    province = chance.choice(tuple(_PLACES))
    latitude, longitude = _CENTRES[province]
    access = chance.choices(_ACCESS, _ACCESS_SHARES)[0]
    contract = chance.choice(_CONTRACTS[access])
    return SimSite(
        number=number,
        character=chance.choices(tuple(CHARACTERS), _SHARES)[0],
        kind=chance.choices(tuple(_NAMES), (7, 2, 1))[0],
        area=chance.choices(("rural", "urban"), (4, 1))[0],
        province=province,
        commune=chance.choice(_PLACES[province]),
        latitude=round(latitude + chance.uniform(-0.3, 0.3), 5),
        longitude=round(longitude + chance.uniform(-0.3, 0.3), 5),
        access=access,
        provider=chance.choice(_PROVIDERS),
        down_mbps=contract,
        up_mbps=contract if access == "fibre" else round(contract / 4, 1),
        rtt_ms=round(_ROUND_TRIPS[access] * chance.uniform(0.8, 1.6), 1),
        ipv6=chance.choices(_IPV6, (64, 33, 3))[0],
        wifi=chance.random() < 0.15,  # noqa: PLR2004 - such a share of boxes stands on a wireless hop
    )
