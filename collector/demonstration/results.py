"""What a made-up agent finds on its line, of each kind: wire messages, as a field device would send. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp
from random import Random
from typing import Any, Final

from agent.wire.dns import Answer, Dns, Resolver
from agent.wire.path import Hop, Path
from agent.wire.results import (
    Addresses,
    Check,
    Direction,
    DnsReach,
    Ipv6,
    Latency,
    PerFamily,
    Radio,
    Responsiveness,
    Spread,
    Throughput,
)
from agent.wire.web import Page, Web
from collector.demonstration.sites import DemoSite
from collector.demonstration.weather import busy

_PAGES: Final = ("https://dichvucong.gov.vn/", "https://moet.gov.vn/", "https://vnexpress.net/")
_NAMES: Final = ("dichvucong.gov.vn", "moet.gov.vn", "vnexpress.net")
_PARTS: Final = ("lan", "access", "provider", "provider", "provider", "destination")
_NETWORKS: Final = {"Viettel": "45204", "VNPT": "45202", "MobiFone": "45201"}
PEER: Final = "192.0.2.7"
_COMPARED: Final = 0.05
"""So many speed runs go their full length, to check what stopping early would have said."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A line at one time: `share` of the contract, `full` 0 to 1, round trip in ms, and the share of packets lost."""

    share: float
    full: float
    rtt_ms: float
    loss: float


def likely(chance: Random, share: float) -> bool:
    """Whether something of that share happens now."""
    return chance.random() < share


def moment(chance: Random, one: DemoSite, at: datetime, share: float) -> Moment:
    """The line as it is now, with noise."""
    full = busy(one, at)
    rtt = one.rtt_ms * (1 + 0.35 * full) * exp(abs(chance.gauss(0, 0.06)))
    calm = one.story not in ("flaky", "weak", "congested")
    return Moment(share, full, rtt, 0.0004 + (0.0 if calm else 0.006) * full)


def throughput(chance: Random, one: DemoSite, now: Moment) -> Throughput:
    """Both directions of a speed run."""
    site = one.site
    compared = likely(chance, _COMPARED)
    down = _direction(chance, (site.contract_down_mbps or 50.0) * now.share, one, now, compared=compared)
    up = _direction(chance, (site.contract_up_mbps or 10.0) * min(1.0, now.share + 0.05), one, now, compared=compared)
    rest = round(now.rtt_ms, 1)
    return Throughput(
        download=down,
        upload=up,
        idle_rtt_ms=Spread(min=round(rest * 0.96, 1), median=rest, p95=round(rest * 1.2, 1)),
        engine="msak",
        cipher="TLS_AES_128_GCM_SHA256",
        congestion="bbr",
        cpu_ratio=round(chance.uniform(0.08, 0.3), 2),
        cross_traffic_mbps=round(chance.uniform(0, 2), 2),
        responsiveness_rpm=round(60_000 / (now.rtt_ms * chance.uniform(2.5, 6.0))),
    )


def _direction(chance: Random, mbps: float, one: DemoSite, now: Moment, *, compared: bool) -> Direction:
    rate = max(0.3, mbps * exp(min(0.12, chance.gauss(0, one.spread))))
    seconds = round(10.0 if compared else chance.uniform(2.2, 4.8), 2)
    loaded = now.rtt_ms * chance.uniform(1.4, 3.5)
    wide = chance.uniform(0.006, 0.02)
    early = rate * chance.gauss(1.0, 0.02)
    return Direction(
        mbps=round(rate, 1),
        mean_mbps=round(rate * chance.uniform(0.92, 0.98), 1),
        low_mbps=round(rate * (1 - wide), 1),
        high_mbps=round(rate * (1 + wide), 1),
        bytes=int(rate * 125_000 * seconds),
        duration_s=seconds,
        streams=4,
        stop="time" if compared else "converged",
        ramp_s=round(chance.uniform(0.4, 0.9), 2),
        retransmit_ratio=round(min(1.0, now.loss * chance.uniform(0.5, 1.5)), 5),
        loaded_rtt_ms=Spread(median=round(loaded, 1), p95=round(loaded * 1.6, 1)),
        rates_mbps=[round(rate * (0.35 if tenth == 0 else 1) * chance.uniform(0.93, 1.05)) for tenth in range(22)],
        early_mbps=round(early, 1) if compared else None,
        early_duration_s=3.1 if compared else None,
        early_bytes=int(rate * 125_000 * 3.1) if compared else None,
        responsiveness=Responsiveness(rpm=round(60_000 / loaded), confidence="medium") if compared else None,
    )


def technology(one: DemoSite) -> str:
    """What a modem is registered with."""
    return "nr_nsa" if one.site.access == "cellular_5g" else "lte"


def band(one: DemoSite) -> str:
    """The band it is on."""
    return "b3" if one.number % 3 else "b8"


def latency(chance: Random, one: DemoSite, now: Moment) -> Latency:
    """A run of 200 small packets."""
    lost = sum(chance.random() < now.loss * 20 for _ in range(10))
    rtt, more = now.rtt_ms, chance.uniform(0.4, 3.0) * (1 + 2 * now.full) * (3 if one.cellular else 1)
    return Latency(
        method="stamp",
        sent=200,
        received=200 - lost,
        lost=lost,
        duplicate=0,
        reordered=0,
        rtt_ms=Spread(
            min=round(rtt * 0.97, 3),
            median=round(rtt + more * 0.2, 3),
            mean=round(rtt + more * 0.3, 3),
            p95=round(rtt + more, 3),
            p99=round(rtt + more * 2, 3),
            max=round(rtt + more * 4, 3),
        ),
        jitter_ms=round(more / 5, 3),
        variation_ms=round(more + rtt * 0.03, 3),
        loss_ratio=lost / 200,
        stamps="kernel",
        reflector="stateless",
        packet_bytes=44,
    )


def ipv6(chance: Random, one: DemoSite, now: Moment) -> Ipv6:
    """What the battery finds; of a broken one, where it breaks."""
    dual, broken = one.ipv6 == "dual_stack", one.ipv6 == "broken"
    v4, v6 = (round(now.rtt_ms * chance.uniform(1, 1.25), 1) for _ in range(2))
    reached = Check(name="connect6", ok=True, ms=v6)
    if broken:
        reached = Check(name="connect6", ok=False, stage="connect", reason="timeout")
    return Ipv6(
        status=one.ipv6,
        addresses=Addresses(global_=[f"2001:db8:{one.number:x}::10"] if dual or broken else None),
        default_route=dual or broken,
        dns=DnsReach(aaaa_over_ipv4=True, aaaa_over_ipv6=dual),
        connect_ms=PerFamily(ipv4=v4, ipv6=v6 if dual else None),
        winner="ipv6" if dual else "ipv4",
        fallback_ms=round(chance.uniform(250, 310), 1) if broken else None,
        pmtu_bytes=1492 if dual else None,
        mtu_ok=True if dual else None,
        score=10.0 if dual else 2.0 if broken else 0.0,
        checks=[
            Check(name="address", ok=dual or broken),
            Check(name="route", ok=dual or broken),
            *([reached] if dual or broken else []),
        ],
        stage="connect" if broken else None,
        reason="timeout" if broken else None,
        decided_by="connect6" if broken else None,
        domain="provider" if broken else None,
    )


def dns(chance: Random, one: DemoSite, now: Moment) -> Dns:
    """Three names asked of the line's own resolver."""
    times = [round(now.rtt_ms * chance.uniform(0.6, 2.2) + (8 if one.cellular else 0), 1) for _ in _NAMES]
    answers = [
        Answer(name=name, record="a", ms=ms, rcode="noerror", addresses=["203.0.113.8"])
        for name, ms in zip(_NAMES, times, strict=True)
    ]
    median = sorted(times)[1]
    resolver = Resolver(address="192.168.1.1", family="ipv4", transport="udp", median_ms=median, answers=answers)
    return Dns(
        median_ms=median,
        answered=3,
        asked=3,
        resolved=3,
        lies=False,
        rewrites_nxdomain=False,
        consistent=True,
        resolvers=[resolver],
    )


def web(chance: Random, one: DemoSite, now: Moment) -> Web:
    """Three pages."""
    rate = max(0.5, (one.site.contract_down_mbps or 50.0) * now.share)
    pages = [_page(chance, url, rate, now) for url in _PAGES]
    whole, first = (
        sorted(times)[1] for times in zip(*((p.total_ms or 0, p.first_byte_ms or 0) for p in pages), strict=True)
    )
    return Web(ok=3, failed=0, total_ms=whole, first_byte_ms=first, captive_portal=False, pages=pages)


def _page(chance: Random, url: str, rate: float, now: Moment) -> Page:
    rtt, size = now.rtt_ms * chance.uniform(1, 1.4), chance.randrange(40_000, 400_000)
    return Page(
        url=url,
        family="ipv4",
        address="203.0.113.8",
        status=200,
        resolve_ms=round(rtt, 1),
        connect_ms=round(rtt, 1),
        tls_ms=round(rtt * 2, 1),
        first_byte_ms=round(rtt * 3.2, 1),
        total_ms=round(rtt * 7 + size * 8 / 1000 / rate, 1),
        bytes=size,
        certificate_days=round(chance.uniform(20, 300), 1),
    )


def path(chance: Random, one: DemoSite, now: Moment) -> Path:
    """The routers on the way to the peer."""
    hops = [
        Hop(ttl=ttl, address=address, rtt_ms=rtt, part=part)
        for ttl, (part, rtt, address) in enumerate(
            zip(_PARTS, _steps(chance, now.rtt_ms), _routers(one), strict=True), start=1
        )
    ]
    return Path(
        method="icmp",
        reached=True,
        hops_count=len(hops),
        ends_at=len(hops),
        rtt_ms=hops[-1].rtt_ms,
        first_hop_rtt_ms=hops[0].rtt_ms,
        provider_hop_rtt_ms=hops[2].rtt_ms,
        changed=likely(chance, 0.03),
        hops=hops,
    )


def _routers(one: DemoSite) -> Sequence[str]:
    """Box in the school, the provider's first router behind shared addresses, its network, and the peer."""
    inside = [f"203.0.113.{part + one.number % 40}" for part in (20, 80, 140)]
    return ["192.168.1.1", f"100.64.{one.number % 40}.1", *inside, PEER]


def _steps(chance: Random, rtt_ms: float) -> Sequence[float]:
    return [round(rtt_ms * part * chance.uniform(0.9, 1.1), 2) for part in (0.05, 0.45, 0.55, 0.7, 0.85, 1.0)]


def radio(chance: Random, one: DemoSite, now: Moment) -> Radio:
    """One reading of the modem."""
    level = (-111.0 if one.story == "weak" else -86.0 - one.number % 13) + chance.gauss(0, 3)
    return Radio(
        operator=one.site.provider,
        mcc_mnc=_NETWORKS.get(one.site.provider or "", "45204"),
        technology=technology(one),
        band=band(one),
        cell=f"{0x1A00000 + one.number:x}",
        tac="2b1c",
        rsrp_dbm=round(max(-140.0, level), 1),
        rsrq_db=round(-8 - 5 * now.full - abs(chance.gauss(0, 1)), 1),
        sinr_db=round((level + 120) / 2 - 4 * now.full + chance.gauss(0, 1.5), 1),
        registration="home",
        roaming=False,
        latitude=one.site.latitude,
        longitude=one.site.longitude,
        accuracy_m=None if one.site.latitude is None else 12.0,
        state="connected",
        position_source=None if one.site.latitude is None else "gnss",
    )


MAKERS: Final[dict[str, Any]] = {
    "throughput": throughput,
    "latency": latency,
    "ipv6": ipv6,
    "dns": dns,
    "web": web,
    "path": path,
    "radio": radio,
}
