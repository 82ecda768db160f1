"""The reports of a simulated agent: number n of agent k is the same for a seed, whenever it is made. Pure."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any, Final

from agent import __version__
from agent.clock import uuid7
from agent.simulate.results import DAILY, MAKERS, RADIO
from agent.simulate.site import CHARACTERS, SimSite
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Cellular, Clock, Link, Measurement, Peer, Wifi

SOFTWARE: Final = f"linkgauge-agent/{__version__} simulate"
_RANDOM: Final = 10
_SHIFT: Final = 40
_FAILURES: Final = (
    (Stage.CONNECT, Reason.TIMEOUT),
    (Stage.CONNECT, Reason.TIMEOUT),
    (Stage.RESOLVE, Reason.TIMEOUT),
    (Stage.ROUTE, Reason.NO_ROUTE),
    (Stage.TRANSFER, Reason.RESET),
    (Stage.PEER, Reason.BUSY),
)
_DOUBTS: Final = (Doubt.CROSS_TRAFFIC, Doubt.NOT_CONVERGED, Doubt.CPU_BOUND, Doubt.PEER_BOUND, Doubt.BUDGET_CUT)
_PEERLESS: Final = {"dns", "web", "radio", "ledger"}


def chance_for(seed: int, agent: int, number: int) -> Random:
    """The source of chance of one report."""
    return Random((seed << _SHIFT | agent << 1 | 1) << _SHIFT | number)  # noqa: S311 - a simulation


def mix_of(site: SimSite, given: Mapping[str, float]) -> Mapping[str, float]:
    """Weights of kinds: what was asked for, else as often as the agent's own schedule runs each, and a ledger a day."""
    if given:
        return given
    return DAILY | {"ledger": 1} | ({"radio": RADIO} if site.cellular else {})


def measurement(
    site: SimSite, agent: str, chance: Random, *, at: datetime, mix: Mapping[str, float], token: bytes | None = None
) -> Measurement[Any]:
    """Make one report's measurement. `token`: ten random bytes of its id; by chance if there are none."""
    kinds = mix_of(site, mix)
    kind = chance.choices(tuple(kinds), tuple(kinds.values()))[0]
    spare, character = chance.randbytes(_RANDOM), CHARACTERS[site.character]
    fails = kind != "ledger" and chance.random() < character.failing
    doubtful = kind == "throughput" and chance.random() < character.doubtful
    doubt, (stage, reason) = chance.choice(_DOUBTS), chance.choice(_FAILURES)
    duration_s = round(chance.uniform(0.4, 9), 3)
    wifi = site.wifi and kind == "throughput"
    return Measurement(
        id=uuid7(at, token or spare),
        agent=agent,
        kind=kind,
        started=at,
        duration_s=duration_s,
        family=None if kind in {"radio", "ledger", "ipv6"} else "ipv4",
        peer=None if kind in _PEERLESS else Peer(name="dc", address="192.0.2.7"),
        link=None if kind == "ledger" else _link(site),
        clock=Clock(synchronized=True),
        software=SOFTWARE,
        profile="default-1",
        result=None if fails else MAKERS[kind](chance, site, at),
        failure=Failure(stage, reason) if fails else None,
        doubts=[] if fails else [*([doubt] if doubtful else []), *([Doubt.WIFI_BOUND] if wifi else [])],
    )


def _link(site: SimSite) -> Link:
    if site.cellular:
        return Link(interface="wwan0", medium="cellular", mtu=1430, cellular=Cellular(technology="lte", band="b3"))
    if site.wifi:
        return Link(interface="wlan0", medium="wifi", mtu=1500, wifi=Wifi(signal_dbm=-61.0, band="5 GHz"))
    return Link(interface="eth0", medium="ethernet", mtu=1500)
