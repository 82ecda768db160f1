"""The list of devices: filters and order that live in the address, versions, and what became of a day's runs. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from collector.ledger.accounts import SiteDay
from collector.web.fleet import Device
from collector.web.overview.selection import folded

AGENT: Final = "linkgauge-agent/"
NARROW: Final = 500_000_000
"""Bytes: a spool has no room on a disk with less."""
SOON: Final = timedelta(minutes=5)
_TEXT: Final = 100
STATES: Final = ("online", "offline", "stopped", "unknown")
TROUBLES: Final[Mapping[str, Callable[[Device], bool]]] = {
    "error": lambda device: bool(device.trouble),
    "clock": lambda device: device.clock is False,
    "dropped": lambda device: bool(device.dropped),
    "waiting": lambda device: (device.waiting or 0) >= MANY,
    "disk": lambda device: device.disk_free_bytes is not None and device.disk_free_bytes < NARROW,
    "doubted": lambda device: device.doubted > 0,
}
"""What may be wrong with a device, by the address's name; a filter each."""
MANY: Final = 100
"""Reports that wait: more are not the ones that are just being sent."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty: all. `version`: as the list of versions names it, or `outdated`."""

    text: str = ""
    state: str = ""
    version: str = ""
    trouble: str = ""
    province: str = ""

    @property
    def chosen(self) -> Mapping[str, str]:
        """What is filtered, by the address's names."""
        named = {"q": self.text} | {name: getattr(self, name) for name in ("state", "version", "trouble", "province")}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Versions:
    """How many devices run which version, the newest first; `newest`: of all that are numbered."""

    counts: tuple[tuple[str, int], ...]
    newest: str | None
    unknown: int

    @property
    def outdated(self) -> int:
        """How many run an older one."""
        return sum(number for version, number in self.counts if version != self.newest)

    def is_old(self, device: Device) -> bool:
        """Whether a device runs an older version than others do."""
        return device.software is not None and self.newest is not None and version_of(device) != self.newest


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the runs that were planned for a day, over all sites; the reasons as the devices name them."""

    planned: int
    run: int
    received: int
    late: int
    missing: int
    dropped: int
    rejected: int
    skipped: tuple[tuple[str, int], ...]


def filters_of(query: Mapping[str, str]) -> Filters:
    """What a page's address asks for; what is unknown asks for nothing."""
    return Filters(
        text=query.get("q", "").strip()[:_TEXT],
        state=next((state for state in STATES if state == query.get("state")), ""),
        version=query.get("version", "")[:_TEXT],
        trouble=next((name for name in TROUBLES if name == query.get("trouble")), ""),
        province=query.get("province", "")[:_TEXT],
    )


def version_of(device: Device) -> str:
    """The version as people say it; nothing where it is not known."""
    return (device.software or "").removeprefix(AGENT)


def versions(devices: Iterable[Device]) -> Versions:
    """Which versions there are."""
    counts = Counter(map(version_of, devices))
    unknown = counts.pop("", 0)
    ordered = sorted(counts.items(), key=lambda one: _numbers(one[0]), reverse=True)
    newest = next((version for version, _ in ordered if _numbers(version)), None)
    return Versions(tuple(ordered), newest, unknown)


def chosen(
    devices: Iterable[Device], filters: Filters, known: Versions, places: Mapping[str, tuple[str, str]]
) -> list[Device]:
    """The devices that fit, in the order in which they came. `places`: commune and province by site."""
    needles = folded(filters.text).split()
    return [
        device
        for device in devices
        if (not filters.state or (device.state or "unknown") == filters.state)
        and (not filters.version or _runs(device, filters.version, known))
        and (not filters.trouble or TROUBLES[filters.trouble](device))
        and (not filters.province or place_of(device, places)[1] == filters.province)
        and (not needles or _sought(device, needles, places))
    ]


def place_of(device: Device, places: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Commune and province of a device; nothing where it stands nowhere."""
    return places.get(device.site.id, ("", "")) if device.site else ("", "")


COLUMNS: Final[Mapping[str, Callable[[Device], str | float | None]]] = {
    "agent": lambda device: device.agent,
    "site": lambda device: folded(device.site.name) if device.site else None,
    "seen": lambda device: device.seen.timestamp() if device.seen else None,
    "version": lambda device: ".".join(f"{number:06}" for number in _numbers(version_of(device))) or None,
    "waiting": lambda device: device.waiting,
    "dropped": lambda device: device.dropped,
    "disk": lambda device: device.disk_free_bytes,
    "doubted": lambda device: device.doubted,
    "next": lambda device: device.next[0][1].timestamp() if device.next else None,
}
"""The columns that one can sort by, and what is compared."""


def sort_of(query: Mapping[str, str]) -> str:
    """The order that an address asks for: a column's name, after a minus from the greatest down; else `silent`."""
    asked = query.get("sort", "")
    return asked if asked.removeprefix("-") in COLUMNS else "silent"


def ordered(devices: Sequence[Device], sort: str) -> list[Device]:
    """The devices in that order, of which they came the longest silent first; unknown ones last either way."""
    if sort == "silent":
        return list(devices)
    value = COLUMNS[sort.removeprefix("-")]
    known = [device for device in devices if value(device) is not None]
    known.sort(key=lambda device: value(device) or 0, reverse=sort.startswith("-"))
    return known + [device for device in devices if value(device) is None]


def troubles(devices: Sequence[Device]) -> Mapping[str, int]:
    """How many devices have which trouble; those that none has are left out."""
    found = {name: sum(map(holds, devices)) for name, holds in TROUBLES.items()}
    return {name: number for name, number in found.items() if number}


def states(devices: Iterable[Device]) -> Mapping[str, int]:
    """How many devices are in each state."""
    found = Counter(device.state or "unknown" for device in devices)
    return dict.fromkeys(STATES, 0) | found


def account(days: Iterable[SiteDay]) -> Account:
    """The days of all sites together."""
    every = list(days)
    skipped: Counter[str] = Counter()
    for day in every:
        skipped.update(day.skipped)
    return Account(
        planned=sum(day.planned for day in every),
        run=sum(day.run for day in every),
        received=sum(day.received for day in every),
        late=sum(day.late for day in every),
        missing=sum(day.missing for day in every),
        dropped=sum(day.dropped for day in every),
        rejected=sum(day.rejected for day in every),
        skipped=tuple(skipped.most_common()),
    )


def _runs(device: Device, version: str, known: Versions) -> bool:
    return known.is_old(device) if version == "outdated" else version_of(device) == version


def _numbers(version: str) -> tuple[int, ...]:
    """What versions are compared by; nothing for what is no number."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")[:4] if len(part) < 7) if found else ()  # noqa: PLR2004 - a number, no flood


def _sought(device: Device, needles: Sequence[str], places: Mapping[str, tuple[str, str]]) -> bool:
    site = device.site
    words = f"{device.agent} {site.id} {site.name} {site.provider or ''}" if site else device.agent
    plain = folded(f"{words} {' '.join(place_of(device, places))}")
    return all(needle in plain for needle in needles)
