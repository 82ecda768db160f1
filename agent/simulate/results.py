"""Believable results of each kind for one site at one time. Pure: a source of chance and a time come in.

Every function draws the same number of times whatever the time of day, so that a seed decides all that is not time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final

from agent.simulate.site import CHARACTERS, SimSite
from agent.wire.dns import Answer, Dns, Resolver
from agent.wire.path import Hop, Path
from agent.wire.results import (
    Addresses,
    Check,
    Direction,
    DnsReach,
    Ipv6,
    Latency,
    Ledger,
    PerFamily,
    Radio,
    Result,
    Spread,
    Tally,
    Throughput,
)
from agent.wire.web import Page, Web

Make = Callable[[Random, SimSite, datetime], Result]
DAILY: Final = {"throughput": 6, "latency": 288, "ipv6": 24, "dns": 96, "web": 24, "path": 6}
"""Runs a day by the agent's own schedule (agent/config.py); a site with a modem has RADIO too, everybody a ledger."""
RADIO: Final = 144
_PAGES: Final = ("https://dichvucong.gov.vn/", "https://moet.gov.vn/", "https://vnexpress.net/")
_NAMES: Final = ("dichvucong.gov.vn", "moet.gov.vn", "google.com")
_FULL_SCORE: Final = 10.0


def throughput(chance: Random, site: SimSite, at: datetime) -> Throughput:
    """Both directions: about 850 bytes as a report."""
    rest = round(site.rtt_ms * chance.uniform(0.95, 1.1), 1)
    return Throughput(
        download=_direction(chance, site, site.down_mbps * site.capacity(at)),
        upload=_direction(chance, site, site.up_mbps * site.capacity(at)),
        idle_rtt_ms=Spread(min=rest, median=round(rest + 0.6, 1)),
        engine="msak",
        cipher="TLS_AES_128_GCM_SHA256",
    )


def _direction(chance: Random, site: SimSite, mbps: float) -> Direction:
    spread = CHARACTERS[site.character].spread
    rate = max(0.3, chance.gauss(mbps, mbps * spread))
    seconds = round(chance.uniform(2.2, 5.0), 2)
    loaded = site.rtt_ms * chance.uniform(1.5, 5)
    return Direction(
        mbps=round(rate, 1),
        mean_mbps=round(rate * chance.uniform(0.9, 0.98), 1),
        low_mbps=round(rate * 0.985, 1),
        high_mbps=round(rate * 1.015, 1),
        bytes=int(rate * 1e6 / 8 * seconds),
        duration_s=seconds,
        streams=4,
        stop="converged" if chance.random() < 0.9 else "budget",  # noqa: PLR2004 - such a share
        loaded_rtt_ms=Spread(median=round(loaded, 1)),
    )


def latency(chance: Random, site: SimSite, at: datetime) -> Latency:
    """A STAMP run of 200 packets."""
    lost = sum(chance.random() < CHARACTERS[site.character].loss for _ in range(20)) * 10
    rtt = site.rtt_ms * chance.uniform(0.95, 1.3) / min(1.0, site.capacity(at) + 0.3)
    more = chance.uniform(0.5, 6)
    return Latency(
        method="stamp",
        sent=200,
        received=200 - lost,
        lost=lost,
        duplicate=0,
        reordered=0,
        rtt_ms=Spread(
            min=round(rtt, 3),
            median=round(rtt + more * 0.2, 3),
            mean=round(rtt + more * 0.3, 3),
            p95=round(rtt + more, 3),
            p99=round(rtt + more * 2, 3),
            max=round(rtt + more * 4, 3),
        ),
        jitter_ms=round(more / 5, 3),
        variation_ms=round(more, 3),
        loss_ratio=lost / 200,
        stamps="kernel",
        reflector="stateless",
        packet_bytes=44,
    )


def ipv6(chance: Random, site: SimSite, at: datetime) -> Ipv6:  # noqa: ARG001 - one form for all kinds
    """The battery's outcome, as the site's network is."""
    dual, broken = site.ipv6 == "dual_stack", site.ipv6 == "broken"
    v4, v6 = round(site.rtt_ms * chance.uniform(1, 1.2), 1), round(site.rtt_ms * chance.uniform(1, 1.3), 1)
    reached = Check(name="connect6", ok=dual, ms=v6 if dual else None)
    if broken:
        reached = Check(name="connect6", ok=False, stage="connect", reason="timeout")
    return Ipv6(
        status=site.ipv6,
        addresses=Addresses(global_=[f"2001:db8:{site.number % 65536:x}::10"] if dual or broken else None),
        default_route=dual or broken,
        dns=DnsReach(aaaa_over_ipv4=True, aaaa_over_ipv6=dual),
        connect_ms=PerFamily(ipv4=v4, ipv6=v6 if dual else None),
        winner="ipv6" if dual else "ipv4",
        pmtu_bytes=1492 if dual else None,
        mtu_ok=True if dual else None,
        score=_FULL_SCORE if dual else 2.0 if broken else 0.0,
        checks=[Check(name="address", ok=dual or broken), Check(name="route", ok=dual or broken), reached],
    )


def dns(chance: Random, site: SimSite, at: datetime) -> Dns:  # noqa: ARG001 - one form for all kinds
    """Three names asked of the line's own resolver."""
    times = [round(site.rtt_ms * chance.uniform(0.6, 3), 1) for _ in _NAMES]
    answers = [
        Answer(name=name, record="a", ms=ms, rcode="noerror", addresses=["203.0.113.8"])
        for name, ms in zip(_NAMES, times, strict=True)
    ]
    median = sorted(times)[1]
    resolver = Resolver(address="192.168.1.1", family="ipv4", transport="udp", median_ms=median, answers=answers)
    return Dns(
        median_ms=median,
        answered=len(answers),
        asked=len(answers),
        resolved=len(answers),
        lies=False,
        rewrites_nxdomain=False,
        consistent=True,
        resolvers=[resolver],
    )


def web(chance: Random, site: SimSite, at: datetime) -> Web:
    """Three pages."""
    pages = [_page(chance, site, url, site.capacity(at)) for url in _PAGES]
    whole = sorted(page.total_ms or 0.0 for page in pages)
    first = sorted(page.first_byte_ms or 0.0 for page in pages)
    return Web(ok=len(pages), failed=0, total_ms=whole[1], first_byte_ms=first[1], captive_portal=False, pages=pages)


def _page(chance: Random, site: SimSite, url: str, capacity: float) -> Page:
    rtt, size = site.rtt_ms * chance.uniform(1, 1.5), chance.randrange(40_000, 400_000)
    load = size * 8 / 1000 / max(0.2, site.down_mbps * capacity)
    return Page(
        url=url,
        family="ipv4",
        address="203.0.113.8",
        status=200,
        resolve_ms=round(rtt, 1),
        connect_ms=round(rtt, 1),
        tls_ms=round(rtt * 2, 1),
        first_byte_ms=round(rtt * 3, 1),
        total_ms=round(rtt * 7 + load, 1),
        bytes=size,
        certificate_days=round(chance.uniform(20, 300), 1),
    )


def path(chance: Random, site: SimSite, at: datetime) -> Path:  # noqa: ARG001 - one form for all kinds
    """Seven routers to the peer."""
    parts = ("lan", "access", "provider", "provider", "provider", "destination", "destination")
    times = [round(site.rtt_ms * ttl / 7 * chance.uniform(0.9, 1.2), 2) for ttl in range(1, 8)]
    hops = [
        Hop(ttl=ttl, address=f"192.0.2.{ttl}", rtt_ms=rtt, part=part)
        for ttl, (part, rtt) in enumerate(zip(parts, times, strict=True), start=1)
    ]
    return Path(
        method="icmp",
        reached=True,
        hops_count=len(hops),
        ends_at=len(hops),
        rtt_ms=hops[-1].rtt_ms,
        first_hop_rtt_ms=hops[0].rtt_ms,
        provider_hop_rtt_ms=hops[2].rtt_ms,
        changed=chance.random() < 0.02,  # noqa: PLR2004 - such a share
        hops=hops,
    )


def radio(chance: Random, site: SimSite, at: datetime) -> Radio:  # noqa: ARG001 - one form for all kinds
    """One reading of the modem."""
    level = {"good": -88, "diurnal": -92, "weak": -108, "failing": -116}[site.character] + chance.gauss(0, 4)
    return Radio(
        operator=site.provider,
        mcc_mnc="45204",
        technology="nr_nsa" if site.access == "cellular_5g" else "lte",
        band="b3",
        cell=f"{0x1A00000 + site.number:x}",
        tac="2b1c",
        rsrp_dbm=round(max(-140.0, level), 1),
        rsrq_db=round(chance.uniform(-16, -7), 1),
        sinr_db=round((level + 120) / 2 + chance.gauss(0, 2), 1),
        registration="home",
        roaming=False,
        latitude=site.latitude,
        longitude=site.longitude,
        accuracy_m=12.0,
        state="connected",
        position_source="gnss",
    )


def ledger(chance: Random, site: SimSite, at: datetime) -> Ledger:
    """The account of the day before, as the agent's own schedule would have it; the spool adds what it dropped."""
    runs = DAILY | ({"radio": RADIO} if site.cellular else {})
    skipped = {kind: int(chance.random() < CHARACTERS[site.character].failing) for kind in runs}
    kinds = {
        kind: Tally(planned=runs[kind], run=runs[kind] - skipped[kind], skipped={"busy": 1} if skipped[kind] else {})
        for kind in sorted(runs)
    }
    return Ledger(day=(at - timedelta(days=1)).date(), kinds=kinds)


MAKERS: Final[dict[str, Make]] = {
    "throughput": throughput,
    "latency": latency,
    "ipv6": ipv6,
    "dns": dns,
    "web": web,
    "path": path,
    "radio": radio,
    "ledger": ledger,
}
