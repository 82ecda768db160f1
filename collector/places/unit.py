"""An administrative unit during one period of its life. Pure.

A unit's *path* says where it is: `bac-ninh`, `bac-ninh/luc-ngan`, `bac-ninh/luc-ngan/ban-chu`; each part a code as the
contract has them, unique within its parent at any one time. A commune's parent is its province, also in the years in
which districts stood between them: the district is a note on the commune. One path may have several periods, as Bắc
Ninh has (until 30 June 2025 without Bắc Giang, since then with it): days are whole, the first and the last included.

Codes are the slug of the name without its kind, as sites have always been filed (`huu-lung`). Where two units of one
parent would get the same code (ten times among today's communes: Văn Lang and Văn Lăng in Thái Nguyên), none of them
gets it: the kind is put before it where that tells them apart (`xa-dong-tien`, `phuong-dong-tien`), the official number
behind it where not (`van-lang-2143`). So no code changes its meaning when a third one comes.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, get_args

Level = Literal["province", "district", "commune", "village"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
HOMES: Final[dict[Level, Level | None]] = {
    "province": None, "district": "province", "commune": "province", "village": "commune",
}  # fmt: skip
"""What a unit of each level lies in, as paths have it."""
KINDS: Final[dict[Level, tuple[str, ...]]] = {
    "province": ("tỉnh", "thành phố"),
    "district": ("huyện", "quận", "thị xã", "thành phố"),
    "commune": ("xã", "phường", "thị trấn", "đặc khu"),
    "village": ("thôn", "bản", "ấp", "buôn", "làng", "xóm", "sóc", "khu phố", "tổ dân phố", "khu dân cư"),
}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit from `valid_from` (None: from before anyone asked) to `valid_until`, its last day (None: it goes on).

    `successors`: paths of what it became, as they are called on the day after its last; several where it was divided,
    or where only that is known. `official`: the statistics office's number. `district`: a commune's, until 30 June
    2025. Position, in degrees, people and households are those of villages; a unit's by year are `Population`.
    """

    path: str
    level: Level
    name: str
    kind: str | None = None
    official: str | None = None
    district: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    successors: tuple[str, ...] = ()
    source: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    population: int | None = None
    households: int | None = None

    @property
    def code(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str | None:
        """The path of the unit that it lies in; None for a province."""
        return self.path.rpartition("/")[0] or None

    @property
    def title(self) -> str:
        """Kind and name, as people write them: Xã Lục Ngạn."""
        return f"{self.kind[:1].upper()}{self.kind[1:]} {self.name}" if self.kind else self.name

    def holds_on(self, day: date) -> bool:
        """Whether it existed on a day."""
        return (self.valid_from is None or self.valid_from <= day) and not self.ended_before(day)

    def ended_before(self, day: date) -> bool:
        """Whether its last day lies before a day."""
        return self.valid_until is not None and self.valid_until < day

    def day_after(self) -> date | None:
        """The first day on which it was no more."""
        return self.valid_until + _DAY if self.valid_until else None


@dataclass(frozen=True, slots=True)
class Population:
    """How many people and households a unit had in a year, and who says so."""

    path: str
    year: int
    population: int
    source: str
    households: int | None = None


def path_of(*codes: str) -> str:
    """The path of codes, the province's first."""
    return "/".join(codes)
