"""The made-up sites: who they are, what line they have, and what is the matter with each. Pure; the seed decides.

The first sites carry the stories, so that a small edition shows all of them; the others are ordinary.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeVar

from collector.demonstration.country import (
    BAC_GIANG,
    BINH_PHUOC,
    FIXED,
    HAMLETS,
    LANG_SON,
    MOBILE,
    PROVINCES,
    QUANG_NINH,
    Commune,
    Province,
)
from collector.registry.codes import nearest_code
from collector.registry.site import Access, Site, SiteKind

_T = TypeVar("_T")
Story = Literal[
    "ordinary", "valley", "congested", "slow", "small_contract", "collapse", "flaky", "down", "wifi", "busy", "weak",
    "new", "gaps", "mending",
]  # fmt: skip
Ipv6State = Literal["dual_stack", "ipv4_only", "broken"]

_FIRST: Final[Sequence[tuple[Story, Province, int, Access, str]]] = (
    *(("valley", LANG_SON, 0, "fibre", "VNPT"),) * 5,
    *(("congested", BAC_GIANG, 0, "fibre", "Viettel"),) * 4,
    ("slow", LANG_SON, 1, "fibre", "FPT"),
    ("collapse", BINH_PHUOC, 1, "fibre", "VNPT"),
    ("down", BINH_PHUOC, 0, "fibre", "Viettel"),
    ("flaky", QUANG_NINH, 0, "fibre", "VNPT"),
    ("small_contract", LANG_SON, 2, "copper", "VNPT"),
    ("ordinary", QUANG_NINH, 2, "satellite", "VNPT"),
    ("weak", LANG_SON, 3, "cellular_4g", "MobiFone"),
    ("ordinary", QUANG_NINH, 3, "cellular_4g", "Viettel"),
    ("mending", BAC_GIANG, 1, "fibre", "FPT"),
    ("wifi", BAC_GIANG, 2, "fibre", "VNPT"),
    ("new", BINH_PHUOC, 2, "fibre", "Viettel"),
    ("gaps", QUANG_NINH, 1, "fibre", "Viettel"),
    ("busy", QUANG_NINH, 4, "fibre", "VNPT"),
    *(("ordinary", QUANG_NINH, place, "fibre", "Viettel") for place in (5, 6, 9, 10)),
)
"""Story, province, place of the commune, access and provider of the first sites."""
_STORIES: Final[Sequence[tuple[Story, float]]] = (
    ("ordinary", 73), ("slow", 4), ("small_contract", 5), ("flaky", 2.5), ("wifi", 3), ("busy", 3), ("weak", 2),
    ("new", 1.5), ("gaps", 2), ("mending", 5),
)  # fmt: skip
_ACCESSES: Final[Sequence[tuple[Access, float]]] = (
    ("fibre", 80), ("cellular_4g", 11), ("cable", 4), ("copper", 2), ("cellular_5g", 2), ("satellite", 1),
)  # fmt: skip
_KINDS: Final[Sequence[tuple[SiteKind, float]]] = (("school", 6), ("clinic", 3), ("office", 2))
_ROUND_TRIPS: Final = {
    "fibre": 7.0, "cable": 11.0, "copper": 19.0, "cellular_4g": 37.0, "cellular_5g": 19.0, "satellite": 620.0,
}  # fmt: skip
_NAMES: Final[dict[SiteKind, Sequence[tuple[str, str]]]] = {
    "school": (
        ("th", "Trường Tiểu học {commune}"), ("thcs", "Trường THCS {commune}"), ("mn", "Trường Mầm non {commune}"),
        ("ptdtbt", "Trường PTDTBT Tiểu học {commune}"), ("thpt", "Trường THPT {commune}"),
    ),
    "clinic": (("tyt", "Trạm Y tế {kind} {commune}"),),
    "office": (("ubnd", "UBND {kind} {commune}"), ("hcc", "Trung tâm Phục vụ hành chính công {kind} {commune}")),
}  # fmt: skip
_OUTLYING: Final = "Trường Tiểu học {commune} - điểm trường {hamlet}"
_UNPLACED: Final = 0.04
_SHORT_OF_IPV6: Final = 0.12


@dataclass(frozen=True, slots=True)
class DemoSite:
    """One site and its line. `share`: of the contract that it gets at rest; `spread`: of its logarithm's noise."""

    number: int
    site: Site
    story: Story
    peer: str
    share: float
    spread: float
    rtt_ms: float
    ipv6: Ipv6State
    software: str

    @property
    def cellular(self) -> bool:
        """Whether it has a modem."""
        return (self.site.access or "").startswith("cellular")


def sites(seed: int, count: int) -> list[DemoSite]:
    """So many sites; the same ones for a seed, whatever comes after them."""
    taken: Counter[str] = Counter()
    return [_site(Random(f"{seed} site {number}"), number, taken) for number in range(count)]  # noqa: S311 - made up


def _site(chance: Random, number: int, taken: Counter[str]) -> DemoSite:
    story, province, commune, access, provider = _cast(chance, number)
    kind = _drawn(chance, _KINDS)
    name, site_id = _named(chance, kind, province, commune, taken)
    down, up = _contract(chance, story, province, access)
    unplaced = number >= len(_FIRST) and chance.random() < _UNPLACED
    latitude, longitude = (
        round(at + chance.uniform(-commune.reach, commune.reach), 5) for at in (commune.latitude, commune.longitude)
    )
    sector = province is BAC_GIANG and kind == "office" and story == "ordinary" and chance.random() < 0.4  # noqa: PLR2004 - such a share
    site = Site(
        id=site_id,
        name=name,
        kind=kind,
        area="urban" if commune.is_urban else "rural",
        province=province.code,
        commune=commune.code,
        latitude=None if unplaced else latitude,
        longitude=None if unplaced else longitude,
        access=access,
        provider=provider,
        contract_down_mbps=down,
        contract_up_mbps=up,
        plan="bac-giang-ict-2030" if sector else province.plan,
    )
    return DemoSite(
        number=number,
        site=site,
        story=story,
        peer=province.peer,
        share=round(chance.uniform(0.88, 1.0), 3),
        spread=round(chance.uniform(0.05, 0.16) * (1.8 if access.startswith("cellular") else 1), 3),
        rtt_ms=round(_ROUND_TRIPS[access] * chance.uniform(0.8, 1.7), 1),
        ipv6=_ipv6(chance, provider, access),
        software=f"linkgauge-agent/{chance.choices(('0.1.0', '0.0.9', '0.0.8', '0.0.6'), (80, 12, 5, 3))[0]}",
    )


def _cast(chance: Random, number: int) -> tuple[Story, Province, Commune, Access, str]:
    """What a site is to show, where, and on which line."""
    if number < len(_FIRST):
        story, province, place, line, operator = _FIRST[number]
        return story, province, province.communes[place], line, operator
    story = _drawn(chance, _STORIES)
    province = chance.choice(PROVINCES)
    commune = chance.choice(province.communes[1:])  # the first one is a story's
    access = _drawn(chance, _ACCESSES)
    if story == "weak":
        access = "cellular_4g"
    elif story in ("slow", "small_contract", "mending"):
        access = "fibre"
    providers = MOBILE if access.startswith("cellular") else FIXED
    provider = "VNPT" if access == "satellite" else chance.choices(providers, (5, 6, 3))[0]
    return story, province, commune, access, provider


def _drawn(chance: Random, weighted: Sequence[tuple[_T, float]]) -> _T:
    values, weights = zip(*weighted, strict=True)
    found: _T = chance.choices(values, weights)[0]
    return found


def _named(
    chance: Random, kind: SiteKind, province: Province, commune: Commune, taken: Counter[str]
) -> tuple[str, str]:
    """Name and id; a commune has one clinic and few schools, so later ones stand in its villages."""
    for short, pattern in chance.sample(_NAMES[kind], len(_NAMES[kind])):
        site_id = f"{province.short}-{commune.code}-{short}"
        if not taken[site_id]:
            taken[site_id] += 1
            return pattern.format(commune=commune.name, kind=commune.kind), site_id
    for hamlet in chance.sample(HAMLETS[province.short], 10):
        site_id = f"{province.short}-{commune.code}-{nearest_code(hamlet)}"
        if not taken[site_id]:
            taken[site_id] += 1
            return _outlying(kind, commune, hamlet), site_id
    taken[commune.code] += 1
    return (
        f"Điểm trường số {taken[commune.code]} {commune.name}",
        f"{province.short}-{commune.code}-d{taken[commune.code]}",
    )


def _outlying(kind: SiteKind, commune: Commune, hamlet: str) -> str:
    if kind == "clinic":
        return f"Phân trạm Y tế {hamlet}, {commune.kind} {commune.name}"
    if kind == "office":
        return f"Nhà văn hóa {hamlet}, {commune.kind} {commune.name}"
    return _OUTLYING.format(commune=commune.name, hamlet=hamlet)


def _contract(chance: Random, story: Story, province: Province, access: Access) -> tuple[float, float]:
    if access.startswith("cellular"):
        bought = chance.choice(province.mobile) * (2 if access == "cellular_5g" else 1)
        return bought, round(bought / 4)
    if access in ("copper", "satellite"):
        bought = {"copper": chance.choice((20.0, 40.0)), "satellite": chance.choice((50.0, 100.0))}[access]
        return bought, round(bought / 5)
    if story == "small_contract":
        return (bought := chance.choice((50.0, 80.0))), bought
    bought = chance.choice(province.fibre)
    return bought, bought if access == "fibre" else round(bought / 3)


def _ipv6(chance: Random, provider: str, access: Access) -> Ipv6State:
    """One provider gives fixed lines addresses that lead nowhere; some sites have equipment that knows no IPv6."""
    if chance.random() < _SHORT_OF_IPV6:
        return "ipv4_only"
    return "broken" if provider == "FPT" and access == "fibre" else "dual_stack"
