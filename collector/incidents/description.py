"""What is said of a site's trouble: how grave it is, its numbers, and the sentence for people. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from collector.detect.episode import Episode
from collector.incidents.actions import Clues, first_action
from collector.incidents.incident import Cause, Finding, Severity
from collector.judge.sample import Sample
from collector.judge.units import mbps_en, mbps_vi
from collector.plans.binding import PLAN_ZONE
from collector.plans.types import Text
from collector.registry.site import Site

CRITICAL_RATIO: Final = 0.5
SHOWN: Final = 20
_ABOUT: Final = ("name", "kind", "area", "province", "commune", "village", "provider", "access", "plan")
_MARKS: Final[Mapping[Cause, Text]] = {
    "below_target": Text(vi="chỉ tiêu", en="the target of"),
    "below_contract": Text(vi="mức phải đạt theo hợp đồng", en="the rate due by contract,"),
    "collapse": Text(vi="một nửa mức cần đạt", en="half of the mark of"),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known around a stretch of trouble.

    `mark`: what the speed is held against, with its unit and `target_id`. `median`, `low`, `high`: of the samples since
    it began, bounded at 95 %. `samples`: the newest of those. `clues`: for the first action. `facts`: more evidence, as
    `silence.evidence_of` gives it; of an outage `why` has the peers that were not reached.
    """

    name: str
    mark: float | None = None
    target_id: str | None = None
    unit: str = "Mbps"
    median: float | None = None
    low: float | None = None
    high: float | None = None
    samples: Sequence[Sample] = ()
    clues: Clues | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def about_of(site: Site) -> dict[str, str]:
    """A site as an incident remembers it."""
    return {name: str(value) for name in _ABOUT if (value := getattr(site, name)) is not None}


def described(cause: Cause, episode: Episode, scene: Scene) -> Finding:
    """How grave it is, in words, with its numbers, and what to do first."""
    clues = scene.clues or Clues(cause)
    words = {"outage": _outage, "silent": _silent}.get(cause)
    summary = words(episode, scene) if words else _slow(cause, episode, scene)
    return Finding(_severity(cause, scene, clues), summary, _evidence(episode, scene), first_action(clues))


def _severity(cause: Cause, scene: Scene, clues: Clues) -> Severity:
    """Whose subscription is below the target has no fault by that; below half of the mark nothing works.

    It becomes graver as soon as the contract's verdict says that not even what was bought arrives.
    """
    if cause == "below_target" and clues.subscription_low and clues.contract != "below":
        return "notice"
    if cause == "outage":
        return "critical"
    weak = scene.mark is not None and scene.median is not None and scene.median < scene.mark * CRITICAL_RATIO
    return "critical" if weak else "warning"


def _evidence(episode: Episode, scene: Scene) -> dict[str, Any]:
    known: dict[str, Any] = {
        "target": scene.mark,
        "target_id": scene.target_id,
        "unit": scene.unit if scene.mark is not None else None,
        "k": episode.k,
        "n": episode.n,
        "median": scene.median,
        "low": scene.low,
        "high": scene.high,
        "since": episode.since,
        "samples": [{"started": one.started, "value": one.value} for one in scene.samples[-SHOWN:]],
        **scene.facts,
    }
    return {name: value for name, value in known.items() if value not in (None, [], {})}


def _slow(cause: Cause, episode: Episode, scene: Scene) -> Text:
    mark = _MARKS.get(cause, _MARKS["below_target"])
    vi = f"{scene.name}: {episode.k}/{episode.n} kết quả từ {_moment(episode.since, 'vi')} dưới {mark.vi}"
    en = f"{scene.name}: {episode.k} of {episode.n} results since {_moment(episode.since, 'en')} are under {mark.en}"
    if scene.mark is not None:
        vi, en = f"{vi} {mbps_vi(scene.mark)}", f"{en} {mbps_en(scene.mark)}"
    if scene.median is not None:
        vi, en = f"{vi}; trung vị {mbps_vi(scene.median)}", f"{en}; median {mbps_en(scene.median)}"
        if scene.low is not None and scene.high is not None:
            vi += f" (khoảng tin cậy 95 %: {mbps_vi(scene.low)} đến {mbps_vi(scene.high)})"
            en += f" (95 % interval {mbps_en(scene.low)} to {mbps_en(scene.high)})"
    return Text(vi=f"{vi}.", en=f"{en}.")


def _outage(episode: Episode, scene: Scene) -> Text:
    peers = ", ".join(sorted(scene.facts.get("why", ())))
    return Text(
        vi=f"{scene.name}: {episode.k}/{episode.n} lần đo từ {_moment(episode.since, 'vi')} không kết nối được"
        f"{f' tới {peers}' if peers else ''}.",
        en=f"{scene.name}: {episode.k} of {episode.n} runs since {_moment(episode.since, 'en')} reached nothing"
        f"{f' (peer {peers})' if peers else ''}.",
    )


def _silent(episode: Episode, scene: Scene) -> Text:
    if "reports" in scene.facts.get("why", {}).values():
        return Text(
            vi=f"{scene.name}: thiết bị đo vẫn kết nối nhưng không gửi kết quả đo tốc độ từ "
            f"{_moment(episode.since, 'vi')}.",
            en=f"{scene.name}: the agent is connected, but has sent no speed results since "
            f"{_moment(episode.since, 'en')}.",
        )
    return Text(
        vi=f"{scene.name}: không nhận được tín hiệu nào từ {_moment(episode.since, 'vi')}.",
        en=f"{scene.name}: nothing heard since {_moment(episode.since, 'en')}.",
    )


def _moment(at: datetime, language: Literal["vi", "en"]) -> str:
    local = at.astimezone(PLAN_ZONE)
    return f"{local:%H:%M %d/%m/%Y}" if language == "vi" else f"{local:%Y-%m-%d %H:%M} (UTC+7)"
