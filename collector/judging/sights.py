"""What the rules of incidents see of one site: from its opinion to words, clues and standings. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from collector.chain.course import CAUSE_OF, Detector, Lost, Quick, Slow, Start
from collector.chain.evidence import rates
from collector.chain.marks import held, mark_at
from collector.chain.rows import THROUGHPUT, Rows, moment
from collector.detect import outage
from collector.detect.episode import Episode
from collector.incidents.actions import Clues
from collector.incidents.description import SHOWN, Scene
from collector.incidents.grouping import Standing
from collector.incidents.incident import Cause, Incident
from collector.incidents.reconcile import counts_from, episode_of
from collector.judge.sample import Sample
from collector.judge.verdict import Verdict
from collector.judging.opinion import Known, Opinion
from collector.plans.binding import SPEED
from collector.statistics.order import median_of
from collector.store.points import nanoseconds

DETECTOR_OF: Final[Mapping[Cause, Detector]] = {cause: detector for detector, cause in CAUSE_OF.items()}
AnyFold = Slow | Quick | Lost
_WEAK: Final = 0.5
"""How near to opening a site is that fails with others, though not for certain by itself."""
_HEARD: Final[Mapping[Detector, timedelta]] = {
    "plan": timedelta(days=7),
    "contract": timedelta(days=7),
    "collapse": timedelta(days=1),
    "outage": timedelta(minutes=30),
}
"""Whoever has said nothing for so long is not counted among those that were measured."""


@dataclass(frozen=True, slots=True)
class Look:
    """One site with everything that is known of it now."""

    known: Known
    opinion: Opinion
    kinds: Mapping[str, Rows]

    @property
    def name(self) -> str:
        """The site's id."""
        return self.known.site.id

    def fold(self, detector: Detector) -> AnyFold:
        """How far a detector is."""
        course = self.opinion.course
        match detector:
            case "plan":
                return course.plan
            case "contract":
                return course.contract
            case "collapse":
                return course.collapse
            case "outage":
                return course.outage

    def newest(self, detector: Detector) -> datetime | None:
        """The newest measurement that a detector has looked at."""
        until = self.fold(detector).until
        return None if until == self.known.start.floors.get(detector) else until

    def covers(self, detector: Detector) -> datetime | None:
        """The oldest row that a detector can have looked at."""
        kinds = self.kinds.values() if detector == "outage" else (self.kinds.get(THROUGHPUT.kind),)
        firsts = [moment(rows.times[0]) for rows in kinds if rows and rows.shape.kind != "ipv6"]
        return max(firsts, default=None)


def start_of(recorded: Mapping[tuple[str, Cause], Sequence[Incident]], site: str, kinds: Mapping[str, Rows]) -> Start:
    """Where a site's detectors begin: after people's last word, and in the middle of what began before the rows."""
    seeds: dict[Detector, Episode] = {}
    floors: dict[Detector, datetime] = {}
    for detector, cause in CAUSE_OF.items():
        known = recorded.get((site, cause), ())
        floor = counts_from(known)
        if floor is not None:
            floors[detector] = floor
        active = next((one for one in known if one.active), None)
        rows = kinds.get("latency" if detector == "outage" else THROUGHPUT.kind)
        if active is not None and (not rows or moment(rows.times[0]) > active.since):
            seeds[detector] = episode_of(active)
    return Start(seeds, floors)


def scene_of(look: Look, cause: Cause, episode: Episode) -> Scene:
    """What is known around an episode of a site, for the words about it."""
    detector = DETECTOR_OF[cause]
    site, question = look.known.site, "contract" if cause == "below_contract" else "plan"
    verdict = next((one for one in look.opinion.verdicts if one.question == question), None)
    scene = Scene(name=site.name, clues=clues_of(look, cause))
    if detector == "outage":
        return replace(scene, facts={"why": sorted(look.opinion.course.outage.state.peers)})
    found = _since(look.kinds.get(THROUGHPUT.kind), episode)
    median = median_of([value for _, value in found])
    if median is not None:
        scene = replace(scene, median=median.value, low=median.low, high=median.high)
    return replace(
        scene,
        mark=mark_at(held(look.known.steps, "contract" if question == "contract" else "plan"), episode.opened),
        target_id=verdict.target_id if verdict else None,
        samples=[Sample(moment(time_ns), value) for time_ns, value in found[-SHOWN:]],
    )


def clues_of(look: Look, cause: Cause) -> Clues:
    """What suggests a first action."""
    verdicts = look.opinion.verdicts
    contract = next((one.verdict for one in verdicts if one.question == "contract" and one.indicator == SPEED), None)
    main = verdicts[0] if verdicts else None
    access = look.known.site.access or ""
    return Clues(
        cause,
        contract=contract if contract in ("met", "below") else None,
        subscription_low=main is not None and "subscription_below_target" in main.reasons,
        doubts=_frequent(main),
        medium="cellular" if access.startswith("cellular") else None,
        faults=frozenset({"dns"}) & look.opinion.course.outage.state.kinds if cause == "outage" else frozenset(),  # type: ignore[arg-type]  # a set of these words
    )


def standing_of(look: Look, cause: Cause, *, at: datetime, decided: bool) -> Standing:
    """How a site stands with a cause, to be compared with its neighbours.

    Who bought less than the target and gets it is left out: many such are no fault of what they have in common.
    """
    detector = DETECTOR_OF[cause]
    fold, newest, site = look.fold(detector), look.newest(detector), look.known.site
    return Standing(
        site.id,
        measured=newest is not None and at - newest <= _HEARD[detector] and not _is_explained(look, cause),
        since=_failing_since(fold),
        decided=decided,
        peer=_peer(look.kinds, detector),
        provider=site.provider,
        commune=site.commune,
        province=site.province,
    )


def _is_explained(look: Look, cause: Cause) -> bool:
    if cause != "below_target" or _failing_since(look.fold("plan")) is None:
        return False
    clues = clues_of(look, cause)
    return clues.subscription_low and clues.contract == "met"


def _failing_since(fold: AnyFold) -> datetime | None:
    state = fold.state
    if state.episode is not None:
        return state.episode.since
    if isinstance(state, outage.State):
        return state.since
    return state.since if state.watch >= _WEAK else None


def _peer(kinds: Mapping[str, Rows], detector: Detector) -> str | None:
    rows = kinds.get("latency") if detector == "outage" else None
    rows = rows or kinds.get(THROUGHPUT.kind)
    if not rows:
        return None
    peer: str | None = rows.notes[-1][rows.shape.notes.index("peer")]
    return peer


def _since(rows: Rows | None, episode: Episode) -> list[tuple[int, float]]:
    if rows is None:
        return []
    end = None if episode.closed is None else rows.since(nanoseconds(episode.closed) + 1_000)
    return rates(rows, SPEED, rows.since(nanoseconds(episode.since)), end)


def _frequent(verdict: Verdict | None) -> frozenset[str]:
    """Doubts that a quarter of all results have."""
    if verdict is None:
        return frozenset()
    return frozenset(doubt for doubt, count in verdict.doubted.items() if count * 4 >= verdict.n + count)
