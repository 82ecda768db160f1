"""Reports to points of a series. Pure: the same report and the same site always give the same point.

One report is one point of its kind's measurement, so the number of ids is the number of points. Tags are what few
values can have and what people group by; everything else is a field. The names are fixed
by the contract, "Time series".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from agent.wire.codec import AnyReport
from agent.wire.control import Status
from agent.wire.failure import Doubt
from agent.wire.results import RESULTS, Direction, Throughput
from collector.registry.site import Site
from collector.store.line import FIRST_NS, LAST_NS, PointError, encode_line, series_key, tag_text, text
from collector.store.shape import columns_of, fields_of, reader
from collector.store.store import FieldValue, Point

TAGS: Final = (
    "site", "agent", "province", "commune", "site_kind", "area", "access", "provider", "family", "engine", "peer",
)  # fmt: skip
"""The tags of a report's point, as the contract lists them."""
EXTRA_TAGS: Final = ("plan", "indicator", "scope", "cause")
"""What `verdict` and `incident` have besides."""

_LINE_DOUBTS: Final = frozenset(
    {
        Doubt.CPU_BOUND,
        Doubt.WIFI_BOUND,
        Doubt.CROSS_TRAFFIC,
        Doubt.PEER_BOUND,
        Doubt.TUNNEL,
        Doubt.CAPTIVE_PORTAL,
        Doubt.THERMAL,
        Doubt.UNDERVOLTAGE,
        Doubt.METHOD_REFERENCE_ONLY,
    }
)
DISQUALIFYING: Final[Mapping[str, frozenset[str]]] = {
    "throughput": _LINE_DOUBTS | {Doubt.NIC_BOUND, Doubt.BUDGET_CUT, Doubt.NOT_CONVERGED},
    "latency": _LINE_DOUBTS,  # small packets: the rate of the NIC and the budget for bytes do not bind them
    "ipv6": frozenset({Doubt.TUNNEL, Doubt.CAPTIVE_PORTAL, Doubt.BUDGET_CUT, Doubt.METHOD_REFERENCE_ONLY}),
    "dns": frozenset({Doubt.CAPTIVE_PORTAL, Doubt.BUDGET_CUT, Doubt.METHOD_REFERENCE_ONLY}),
    "web": _LINE_DOUBTS | {Doubt.BUDGET_CUT},
    "path": frozenset({Doubt.CAPTIVE_PORTAL, Doubt.TUNNEL, Doubt.BUDGET_CUT, Doubt.METHOD_REFERENCE_ONLY}),
    "radio": frozenset({Doubt.METHOD_REFERENCE_ONLY}),
    "ledger": frozenset(),
}
"""The doubts with which a kind's result does not count as conclusive.

`clock_unset` disqualifies nothing: such a report was dated afterwards, when the clock had been set (`clock.rebased`).
A doubt that this version does not know always disqualifies: a newer agent says that something is wrong with the
number, and a false "below" costs more than a sample.
"""

_KNOWN_DOUBTS: Final = frozenset(Doubt)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAGS: Final = frozenset(TAGS)
_REPORT_COLUMNS: Final[Mapping[str, type]] = {
    "id": str, "conclusive": bool, "failure": str, "doubts": str, "duration_s": float,
}  # fmt: skip
_RUN: Final = ("agent", "family", "engine", "peer")
_SERIES_LIMIT: Final = 65_536
_SERIES: Final[dict[tuple[str | None, ...], tuple[Site, tuple[tuple[str, str], ...], str]]] = {}
"""The tags and key of a run's series at the site it was last seen at: few, and each is written thousands of times."""
_READERS: Final = {kind: reader(kind, "", _TAGS) for kind in RESULTS.values()}
_JSON: Final = msgspec.json.Encoder()
_TEMPLATES_LIMIT: Final = 4096
_TEMPLATES: Final[dict[tuple[str, ...], str]] = {}
"""The fields of a line by their names; few sets of names come again and again."""
_set: Final = object.__setattr__
_STATUS_COLUMNS: Final[Mapping[str, type]] = {"online": bool}
_VERDICT_NUMBERS: Final = ("value", "target", "low", "high", "n", "k", "mean")
_OUTCOMES: Final = ("met", "below", "inconclusive")
_STANDINGS: Final = (
    "met", "below", "inconclusive", "silent", "contract_below", "value", "target", "low", "high", "n",
)  # fmt: skip
_CENSUS: Final = ("sites", "met", "below", "inconclusive", "silent")
_INCIDENT_WORDS: Final = ("id", "state", "severity")
_INCIDENT_PLACE: Final = ("province", "commune", "provider")
_COMPLETENESS: Final = (
    "planned", "run", "skipped", "produced", "received", "late", "rejected", "dropped", "missing", "duplicate", "ratio",
)  # fmt: skip


def nanoseconds(at: datetime) -> int:
    """Unix time in nanoseconds, exactly, of a moment with a zone."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


class ReportPoint(Point):
    """A report's point, of which nothing is worked out before somebody asks: most engines want the line alone."""

    __slots__ = ("_key", "_report")
    _key: str
    _report: AnyReport

    def __init__(self, report: AnyReport, tags: tuple[tuple[str, str], ...], key: str) -> None:
        _set(self, "measurement", report.kind)
        _set(self, "tags", tags)
        _set(self, "time_ns", nanoseconds(report.started))
        _set(self, "_report", report)
        _set(self, "_key", key)

    @property
    def fields(self) -> Mapping[str, FieldValue]:
        """Its fields, in the form in which they are stored."""
        report = self._report
        fields: dict[str, FieldValue] = {"id": report.id, "duration_s": float(report.duration_s)}
        if report.result is not None:
            _READERS[type(report.result)](report.result, fields)
        if report.failure is not None:
            fields["failure"] = text(str(report.failure))
        if report.doubts:
            fields["doubts"] = text(",".join(report.doubts))
        fields |= _conclusions(report)
        return fields

    def line(self) -> bytes:
        """It as line protocol: what `encode_line` makes of it, for less; raises PointError as that does."""
        if not FIRST_NS <= self.time_ns <= LAST_NS:
            raise PointError(f"time {self.time_ns} ns is out of range")
        fields = self.fields
        # What `text` has cleaned, numbers and flags: JSON writes all of them as line protocol does, at once.
        texts = _JSON.encode(list(fields.values()))[1:-1].decode().split(",")
        if len(texts) != len(fields):  # there is a comma in a text
            return encode_line(self)
        names = tuple(fields)
        template = _TEMPLATES.get(names)
        if template is None:
            if len(_TEMPLATES) >= _TEMPLATES_LIMIT:
                _TEMPLATES.clear()
            template = _TEMPLATES[names] = ",".join(f"{name}=%s" for name in names)
        return f"{self._key} {template % tuple(texts)} {self.time_ns}".encode()


def points_of(report: AnyReport, site: Site) -> list[Point]:
    """The points of one report from an agent that stood at `site` when it `started`: exactly one, of its kind."""
    peer, engine = report.peer, getattr(report.result, "engine", None)
    run = (report.kind, report.agent, report.family, engine, peer.name if peer is not None else None)
    series = _SERIES.get(run)
    if series is None or series[0] is not site:
        if len(_SERIES) >= _SERIES_LIMIT:
            _SERIES.clear()
        tags = _tags(site, tuple(zip(_RUN, run[1:], strict=True)))
        series = _SERIES[run] = (site, tags, series_key(report.kind, tags))
    return [ReportPoint(report, series[1], series[2])]


def line_of(point: Point) -> bytes:
    """Any point as one line, without the newline; raises PointError for one that no engine can hold."""
    return point.line() if isinstance(point, ReportPoint) else encode_line(point)


def status_point(agent: str, status: Status, site: Site | None, at: datetime) -> Point:
    """An agent's heartbeat as it came in at `at`; without place for an agent that nobody has registered."""
    fields = {"online": status.state == "online", **fields_of(status)}
    return Point("status", _tags(site, (("agent", agent),)), fields, nanoseconds(at))


def verdict_point(verdict: Mapping[str, Any], site: Site | None) -> Point:
    """A verdict, given as the contract's JSON object, at the end of its window.

    Its tags tell a site's verdicts apart: one on a contract is about no plan, and its scope begins with `contract-`.
    Each outcome is a number too, 1 or 0: what counts sites, or raises an alarm, can do nothing with words. The site's
    name and position stand beside it, so that a table or a map of verdicts needs no registry.
    """
    fields: dict[str, FieldValue] = {"verdict": str(verdict["verdict"])}
    fields |= {name: float(name == verdict["verdict"]) for name in _OUTCOMES}
    fields |= {name: float(verdict[name]) for name in _VERDICT_NUMBERS if verdict.get(name) is not None}
    fields["reasons"] = ",".join(verdict.get("reasons") or ())  # also when none: it replaces what stood there before
    fields |= _whereabouts(site)
    tags = tuple((name, verdict.get(name)) for name in ("plan", "indicator", "scope"))
    return Point("verdict", _tags(site, tags), fields, nanoseconds(_moment(verdict["window"]["to"])))


def incident_point(incident: Mapping[str, Any], site: Site | None) -> Point:
    """An incident as it stood after its latest change, given as the contract's JSON object.

    `active`: 1 until it is resolved, then 0; `summary_vi`, `summary_en`: what it is, in words. One that is about a
    group of sites has that group's name, and of the place what they have in common.
    """
    fields: dict[str, FieldValue] = {name: str(incident[name]) for name in _INCIDENT_WORDS if incident.get(name)}
    fields["active"] = float(incident["state"] != "resolved")
    fields |= {f"summary_{language}": text(words) for language, words in (incident.get("summary") or {}).items()}
    tags = [("cause", incident["cause"])]
    if group := incident.get("group"):
        about = incident.get("about") or {}
        fields["group"] = text(group["name"])
        tags += [(name, about.get(name)) for name in _INCIDENT_PLACE]
    return Point("incident", _tags(site, tuple(tags)), fields, nanoseconds(_moment(incident["updated"])))


def completeness_point(site: Site | None, fields: Mapping[str, float], at: datetime) -> Point:
    """What became of a site's day, at its start."""
    return Point("completeness", _tags(site, ()), fields, nanoseconds(at))


def standing_point(site: Site, fields: Mapping[str, float], at: datetime) -> Point:
    """Where a site stands at a moment, whether it is heard or not; with its plan, its name and its position."""
    return Point("standing", _tags(site, (("plan", site.plan),)), {**fields, **_whereabouts(site)}, nanoseconds(at))


def nobody_point(fields: Mapping[str, float], at: datetime) -> Point:
    """That no site stands anywhere: a standing of none."""
    return Point("standing", (), fields, nanoseconds(at))


def census_point(province: str | None, fields: Mapping[str, float], at: datetime) -> Point:
    """How many of a province's registered sites stand where."""
    return Point("census", _tags(None, (("province", province),)), fields, nanoseconds(at))


def conclusive_flag(measurement: str, field: str) -> str:
    """The boolean field that says whether another field of the same row counts."""
    return "upload_conclusive" if measurement == "throughput" and field.startswith("upload_") else "conclusive"


def place_tags(site: Site) -> tuple[tuple[str, str], ...]:
    """The tags of what is said of a site as a whole: its place, and no agent's."""
    return _tags(site, ())


def known_columns() -> dict[str, dict[str, type]]:
    """Per measurement, the fields that this version can write, with their types (float, str, bool)."""
    columns = {kind: {**_REPORT_COLUMNS, **columns_of(shape, _TAGS)} for kind, shape in RESULTS.items()}
    columns["throughput"] |= {"download_conclusive": bool, "upload_conclusive": bool}
    columns["status"] = {**_STATUS_COLUMNS, **columns_of(Status)}
    numbers = (*_OUTCOMES, *_VERDICT_NUMBERS, "latitude", "longitude")
    columns["verdict"] = {"verdict": str, **dict.fromkeys(numbers, float), "reasons": str, "name": str}
    words = (*_INCIDENT_WORDS, "summary_vi", "summary_en", "group")
    columns["incident"] = {**dict.fromkeys(words, str), "active": float}
    columns["standing"] = {**dict.fromkeys((*_STANDINGS, "latitude", "longitude"), float), "name": str}
    columns["census"] = dict.fromkeys(_CENSUS, float)
    columns["completeness"] = dict.fromkeys(_COMPLETENESS, float)
    return columns


def _conclusions(report: AnyReport) -> dict[str, FieldValue]:
    """Whether the result may be counted. A throughput report's `conclusive` speaks of its download."""
    if report.result is None:
        return {"conclusive": False}
    sound = not report.doubts or _sound(report)
    if not isinstance(report.result, Throughput):
        return {"conclusive": sound}
    download = sound and _measured(report.result.download)
    upload = sound and _measured(report.result.upload)
    return {"conclusive": download, "download_conclusive": download, "upload_conclusive": upload}


def _sound(report: AnyReport) -> bool:
    bad = DISQUALIFYING.get(report.kind, _LINE_DOUBTS)
    return not any(doubt in bad or doubt not in _KNOWN_DOUBTS for doubt in report.doubts)


def _measured(direction: Direction | None) -> bool:
    return direction is not None and direction.failure is None and direction.mbps is not None


def _whereabouts(site: Site | None) -> dict[str, FieldValue]:
    """The name and, when both are known, the coordinates of a site."""
    if site is None:
        return {}
    found: dict[str, FieldValue] = {"name": text(site.name)} if site.name else {}
    if site.latitude is not None and site.longitude is not None:
        found |= {"latitude": float(site.latitude), "longitude": float(site.longitude)}
    return found


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else msgspec.convert(value, datetime)


@lru_cache(maxsize=65_536)
def _tags(site: Site | None, run: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, str], ...]:
    """Sorted, without the unknown; cached, because a fleet has few sets of tags and each is made thousands of times."""
    tags = dict(run)
    if site is not None:
        tags |= {
            "site": site.id,
            "province": site.province,
            "commune": site.commune,
            "site_kind": site.kind,
            "area": site.area,
            "access": site.access,
            "provider": site.provider,
        }
    clean = ((name, tag_text(value)) for name, value in sorted(tags.items()) if value)
    return tuple((name, value) for name, value in clean if value)
