"""The reports of a made-up site, day by day: what is measured when, what fails, and when it arrives. Pure.

A day's reports are the same for a seed whenever they are made. A line that is dead keeps what it measured until it is
back; a box without power measures nothing, and says so in its account of the day.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final

from agent.wire.codec import encode
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Cellular, Clock, Link, Measurement, Peer, Report, Wifi
from agent.wire.results import Ledger, Tally
from collector.demonstration.results import MAKERS, PEER, band, likely, moment, technology
from collector.demonstration.sites import DemoSite
from collector.demonstration.weather import Spell, capacity

DENSE: Final[Mapping[str, int]] = {"throughput": 4, "latency": 6, "ipv6": 1, "dns": 1, "web": 1, "path": 1, "radio": 3}
THIN: Final[Mapping[str, int]] = {"throughput": 3, "latency": 1, "ipv6": 1, "dns": 0, "web": 0, "path": 0, "radio": 1}
"""Runs a day: of the last weeks, and of the time before. A field device runs oftener; a demonstration is to begin soon.
"""
RETRIES: Final = (4, 9, 15, 30, 60)
"""Minutes after a line died or came back at which a round trip is measured all the same, as a field agent would."""
_DAY_S: Final = 86_400
_PEERLESS: Final = {"dns", "web", "radio", "ledger"}
_FAMILYLESS: Final = {"radio", "ledger", "ipv6"}
_BACK: Final = timedelta(seconds=50)
_DOUBTED: Final = {True: 0.06, False: 0.001}
"""By whether a box is one of the few that share their line or processor with something now and then."""
_SHARES: Final = 9
_STRAY: Final = 0.004


@dataclass(frozen=True, slots=True)
class Sent:
    """A measurement, and when it reaches the collector."""

    arrives: datetime
    measured: Measurement[Any]


def day_of(seed: int, one: DemoSite, day: date, runs: Mapping[str, int], spells: Sequence[Spell]) -> list[Sent]:
    """All that a site measures on a day (UTC, as agents plan and account), in the order in which it happens.

    `spells`: those of the site.
    """
    chance = Random(f"{seed} day {one.number} {day}")  # noqa: S311 - made up
    midnight = datetime.combine(day, time(), UTC)
    near = [spell for spell in spells if spell.start < midnight + timedelta(days=1) and spell.end > midnight - _BACK]
    planned = sorted(_planned(chance, one, midnight, runs, near))
    found = [_sent(chance, one, at, kind, near) for at, kind in planned]
    return sorted((sent for sent in found if sent is not None), key=lambda sent: sent.measured.started)


def account(one: DemoSite, day: date, sent: Sequence[Sent], runs: Mapping[str, int], at: datetime) -> Measurement[Any]:
    """What a site tells of a day in its `ledger`: planned, run, and left out because the box was off."""
    run = Counter(each.measured.kind for each in sent)
    kinds = {
        kind: Tally(
            planned=max(count, run[kind]),
            run=run[kind],
            skipped={"stopped": count - run[kind]} if run[kind] < count else {},
        )
        for kind, count in runs.items()
        if count and (kind != "radio" or one.cellular)
    }
    chance = Random(f"ledger {one.number} {day}")  # noqa: S311 - made up
    return _measurement(chance, one, at, "ledger", result=Ledger(day=day, kinds=kinds))


def one_report(chance: Random, one: DemoSite, at: datetime, kind: str, spells: Sequence[Spell]) -> Measurement[Any]:
    """What a site measures at this moment, whatever its schedule says: for a demonstration that is alive."""
    now = [spell for spell in spells if spell.start <= at < spell.end]
    return _measured(chance, one, at, kind, now)


def placed(measured: Measurement[Any], epoch: str, seq: int, request: str | None = None) -> bytes:
    """The bytes that a device sends, once its spool has given the measurement its place."""
    values = {name: getattr(measured, name) for name in measured.__struct_fields__}
    if request is not None:
        values["request"] = request
    return encode(Report(**values, epoch=epoch, seq=seq))


def _planned(
    chance: Random, one: DemoSite, midnight: datetime, runs: Mapping[str, int], near: Sequence[Spell]
) -> Iterator[tuple[datetime, str]]:
    """Each kind once at a moment of chance in each of its slots."""
    for kind, count in runs.items():
        if kind == "radio" and not one.cellular:
            continue
        for slot in range(count):
            yield midnight + timedelta(seconds=round((slot + chance.random()) * _DAY_S / count, 6)), kind
    until = midnight + timedelta(days=1)
    edges = [edge for spell in near if spell.kind in ("outage", "cut", "peer") for edge in (spell.start, spell.end)]
    for edge in edges:
        for minutes in RETRIES:
            at = edge + timedelta(minutes=minutes, seconds=chance.random() * 40)
            if midnight <= at < until:
                yield at, "latency"


def _sent(chance: Random, one: DemoSite, at: datetime, kind: str, near: Sequence[Spell]) -> Sent | None:
    now = [spell for spell in near if spell.start <= at < spell.end]
    if any(spell.kind == "off" for spell in now):
        return None
    measured = _measured(chance, one, at, kind, now)
    arrives = at + timedelta(seconds=measured.duration_s + chance.uniform(0.2, 3.0))
    back = [spell.end + _BACK for spell in now if spell.kind == "outage"]
    return Sent(max([arrives, *back]), measured)


def _measured(chance: Random, one: DemoSite, at: datetime, kind: str, now: Sequence[Spell]) -> Measurement[Any]:
    kinds = {spell.kind for spell in now}
    failure: Failure | None = None
    if "outage" in kinds or "cut" in kinds:
        failure = _outage(chance, kind)
    elif "peer" in kinds and kind not in _PEERLESS:
        failure = Failure(Stage.CONNECT, Reason.TIMEOUT)
    elif likely(chance, _STRAY):
        failure = Failure(Stage.TRANSFER, Reason.RESET)
    if failure is not None and kind != "radio":
        return _measurement(chance, one, at, kind, failure=failure)
    line = moment(chance, one, at, capacity(one, at, now))
    return _measurement(
        chance, one, at, kind, result=MAKERS[kind](chance, one, line), doubts=_doubts(chance, one, kind)
    )


def _outage(chance: Random, kind: str) -> Failure:
    if kind in ("dns", "web"):
        return Failure(Stage.RESOLVE, Reason.TIMEOUT)
    return Failure(Stage.ROUTE, Reason.UNREACHABLE) if likely(chance, 0.6) else Failure(Stage.CONNECT, Reason.TIMEOUT)


def _doubts(chance: Random, one: DemoSite, kind: str) -> list[str]:
    if kind != "throughput":
        return []
    if one.story == "wifi":
        return [Doubt.WIFI_BOUND] if likely(chance, 0.85) else []
    if one.story == "busy":
        return [Doubt.CPU_BOUND] if likely(chance, 0.6) else []
    if likely(chance, _DOUBTED[one.number % _SHARES == 0]):
        return [chance.choice((Doubt.CROSS_TRAFFIC, Doubt.NOT_CONVERGED, Doubt.PEER_BOUND))]
    return []


def _measurement(  # noqa: PLR0913 - what a report is made of
    chance: Random,
    one: DemoSite,
    at: datetime,
    kind: str,
    *,
    result: Any = None,  # noqa: ANN401 - of its kind
    failure: Failure | None = None,
    doubts: Sequence[str] = (),
) -> Measurement[Any]:
    family = None if kind in _FAMILYLESS else "ipv6" if one.ipv6 == "dual_stack" and likely(chance, 0.3) else "ipv4"
    address = "2001:db8::7" if family == "ipv6" else PEER
    return Measurement(
        id=_uuid7(at, chance.randbytes(10)),
        agent=one.site.id,
        kind=kind,
        started=at.astimezone(UTC),
        duration_s=round(chance.uniform(4, 11) if kind in ("throughput", "latency") else chance.uniform(0.3, 3), 3),
        family=family,
        peer=None if kind in _PEERLESS else Peer(name=one.peer, address=address),
        link=None if kind == "ledger" else _link(one),
        clock=Clock(synchronized=True),
        software=one.software,
        profile="default-1",
        result=result,
        failure=failure,
        doubts=list(doubts),
    )


def _link(one: DemoSite) -> Link:
    if one.cellular:
        modem = Cellular(technology=technology(one), band=band(one))
        return Link(interface="wwan0", medium="cellular", mtu=1430, cellular=modem)
    if one.story == "wifi":
        return Link(interface="wlan0", medium="wifi", mtu=1500, wifi=Wifi(signal_dbm=-67.0, band="2.4 GHz"))
    return Link(interface="eth0", medium="ethernet", speed_mbps=1000, duplex="full", mtu=1500)


def _uuid7(at: datetime, random: bytes) -> str:
    """A UUIDv7 (RFC 9562) from a time and ten bytes."""
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(random, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    text = f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
