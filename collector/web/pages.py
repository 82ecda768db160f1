"""View models of the pages: what a template prints, worked out from plain values. Pure: no store, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from collector.detect.silence import Level
from collector.incidents.incident import Cause, Incident
from collector.judge.verdict import Verdict
from collector.registry.site import Site
from collector.store.store import Row, Summary
from collector.web.plot import Look
from collector.web.senses import Fact, facts

State = Literal["below", "silent", "inconclusive", "met", "unjudged"]
_WAYS: Final = ("download", "upload")
REHEARSAL: Final = "rehearsal"
"""How an agent names its peer when that plays the line itself, as in a trial on one machine: no line was measured."""
# Worst first: the order in which an engineer wants to read a list.
ORDER: Final[tuple[State, ...]] = ("below", "silent", "inconclusive", "unjudged", "met")


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of a site's agents: the newest sign of life, and whether it counts as silent."""

    seen: datetime | None = None
    online: bool = False
    silent: bool = False
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One line of the list."""

    site: Site
    state: State
    verdict: Verdict | None
    last_mbps: float | None
    last_at: datetime | None
    last_failure: str | None
    last_doubts: tuple[str, ...]
    median_mbps: float | None
    n: int
    target_mbps: float | None
    contact: Contact
    rehearsed: bool = False
    level: Level = "never"
    """How long its speed results have been missing."""
    trouble: tuple[Cause, ...] = ()
    """What goes on there that its state does not say."""

    @property
    def watch(self) -> bool:
        """Whether recent results are weak, though there is no incident."""
        return self.verdict is not None and self.verdict.watch is not None and self.verdict.watch < 1

    @property
    def ratio(self) -> float | None:
        """The median against the target, for the small bar: 1 is the target, at most 1.5."""
        if self.median_mbps is None or not self.target_mbps:
            return None
        return min(self.median_mbps / self.target_mbps, 1.5)


@dataclass(frozen=True, slots=True)
class Measured:
    """One report as a page shows it."""

    id: str
    kind: str
    at: datetime
    family: str | None
    download_mbps: float | None
    upload_mbps: float | None
    rtt_ms: float | None
    loss_ratio: float | None
    status: str | None
    failure: str | None
    doubts: tuple[str, ...]
    conclusive: bool
    stops: tuple[str | None, ...] = ()
    """How download and upload ended; one word where both did alike, none where neither was told."""
    data_bytes: float | None = None
    rehearsed: bool = False
    """The peer played the line: what stands here is no line's."""
    facts: tuple[Fact, ...] = ()
    """What the kinds without columns of their own found."""
    agent: str | None = None
    engine: str | None = None
    peer: str | None = None
    upload_conclusive: bool | None = None
    """As far as the upload is told apart from the download."""

    def look(self, value: float | None, *, upload: bool = False) -> Look:
        """How a value of this report is drawn."""
        if value is None:
            return "failed"
        apart = self.upload_conclusive if upload else None
        return "conclusive" if (self.conclusive if apart is None else apart) else "doubted"


def time_of(row: Row) -> datetime:
    """A row's time, exact to the microsecond."""
    seconds, rest = divmod(row.time_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def number(row: Row, name: str) -> float | None:
    """A numeric field, None when it was not measured."""
    value = row.fields.get(name)
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def text(row: Row, name: str) -> str | None:
    """A string field, None when absent or empty."""
    value = row.fields.get(name)
    return value if isinstance(value, str) and value else None


def measured(kind: str, row: Row) -> Measured:
    """Read one row of a kind's series."""
    return Measured(
        id=text(row, "id") or "",
        kind=kind,
        at=time_of(row),
        family=row.tags.get("family"),
        download_mbps=number(row, "download_mbps"),
        upload_mbps=number(row, "upload_mbps"),
        rtt_ms=number(row, "rtt_ms_median"),
        loss_ratio=number(row, "loss_ratio"),
        status=text(row, "status"),
        failure=text(row, "failure") or text(row, "download_failure") or text(row, "upload_failure"),
        doubts=tuple((text(row, "doubts") or "").split(",")) if text(row, "doubts") else (),
        conclusive=row.fields.get("conclusive") is True,
        stops=_stops(row),
        data_bytes=_sum(number(row, f"{way}_bytes") for way in _WAYS),
        rehearsed=row.tags.get("peer") == REHEARSAL,
        facts=facts(kind, row),
        agent=row.tags.get("agent"),
        engine=row.tags.get("engine"),
        peer=row.tags.get("peer"),
        upload_conclusive=_flag(row, "upload_conclusive"),
    )


def _flag(row: Row, name: str) -> bool | None:
    value = row.fields.get(name)
    return value if isinstance(value, bool) else None


def _stops(row: Row) -> tuple[str | None, ...]:
    both = tuple(text(row, f"{way}_stop") for way in _WAYS)
    if both[0] == both[1]:
        return both[:1] if both[0] else ()
    return both


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def site_row(
    site: Site, verdict: Verdict | None, rows: Sequence[Row], summary: Summary | None, contact: Contact
) -> SiteRow:
    """One line of the list from a site's newest throughput rows (oldest first) and its 30 days' summary."""
    last = measured("throughput", rows[-1]) if rows else None
    if last is not None and (contact.seen is None or contact.seen < last.at):
        contact = replace(contact, seen=last.at)  # of an agent that has gone, or heard before a restart
    return SiteRow(
        site=site,
        state=state_of(verdict, contact),
        verdict=verdict,
        last_mbps=last.download_mbps if last else None,
        last_at=last.at if last else None,
        last_failure=last.failure if last else None,
        last_doubts=last.doubts if last else (),
        median_mbps=summary.median if summary else None,
        n=summary.n if summary else 0,
        target_mbps=verdict.mark if verdict else None,
        contact=contact,
        rehearsed=last.rehearsed if last else False,
    )


def troubles(incidents: Iterable[Incident]) -> Mapping[str, set[Cause]]:
    """By site, the causes of what is open there, its groups' included; what is told in a digest only is no trouble."""
    found: dict[str, set[Cause]] = {}
    for each in incidents:
        if each.active and each.severity != "notice":
            for site in [each.site] if each.site is not None else each.children:
                found.setdefault(site, set()).add(each.cause)
    return found


def with_trouble(row: SiteRow, causes: Iterable[Cause]) -> SiteRow:
    """The line with what goes on: thirty days may well reach a target on a line that broke down yesterday."""
    said = {"below": "below_target", "silent": "silent"}.get(row.state)
    found = tuple(sorted(cause for cause in causes if cause != said))
    return replace(row, trouble=found) if found else row


def state_of(verdict: Verdict | None, contact: Contact) -> State:
    """What a site is filed under. Silence hides an old `met`, but never an old `below`."""
    if verdict is not None and verdict.verdict == "below":
        return "below"
    if contact.silent:
        return "silent"
    if verdict is None or verdict.target is None:
        return "unjudged"
    return "met" if verdict.verdict == "met" else "inconclusive"
