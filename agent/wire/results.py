"""What each kind of probe found. Units stand in names; absent means not measured and is never written as zero.

Rules of change: add optional fields only. `RESULTS` is the list of kinds that this version can read; a report of
another kind is deferred by the collector, never lost.
"""

from datetime import date
from typing import Annotated, Final

import msgspec

from agent.wire.dns import Dns
from agent.wire.failure import Failure, Word
from agent.wire.path import Path
from agent.wire.web import Web

Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Range = tuple[Sequence, Sequence]


class Spread(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Round-trip times, in milliseconds."""

    min: Positive | None = None
    median: Positive | None = None
    mean: Positive | None = None
    p95: Positive | None = None
    p99: Positive | None = None
    max: Positive | None = None


class Responsiveness(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Round trips per minute under load, and the probes behind the figure, in milliseconds (IPPM responsiveness draft).

    `formula` names the draft's version and variant, `confidence` is low, medium or high. Foreign probes are new
    connections: `tcp_ms` and `tls_ms` their handshakes per round trip, `http_ms` their one request; `self_ms` are round
    trips on the loaded connections themselves.
    """

    rpm: Positive | None = None
    formula: Word | None = None
    confidence: Word | None = None
    tcp_ms: Annotated[list[Positive], msgspec.Meta(max_length=200)] | None = None
    tls_ms: Annotated[list[Positive], msgspec.Meta(max_length=200)] | None = None
    http_ms: Annotated[list[Positive], msgspec.Meta(max_length=200)] | None = None
    self_ms: Annotated[list[Positive], msgspec.Meta(max_length=200)] | None = None


class Direction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One direction of a throughput run: numbers, or the failure that ended it (then what was seen before it).

    `mbps` is the steady goodput (TCP payload received, counted at the receiver by one clock), `low_mbps` and
    `high_mbps` bound it at 95 %; `mean_mbps` is all bytes ÷ all time. `rates_mbps`: per 100 ms, at most 300.
    `rwnd_limited_ratio`, `sndbuf_limited_ratio`: share of the loaded time in which the receiver's window or the
    sender's own buffer held the data back. `early_…`: only in a run that went its full length to check the early
    stop: what stopping early would have said, after how long, for how many bytes. `loaded_latency_ms`: small packets of
    their own beside the load, by `loaded_latency_method` (stamp or tcp), once the ramp was over; `loaded_loss_ratio`:
    of these, without an answer between two that have one; `loaded_rtt_ms` is the loaded connections' own.
    """

    mbps: Positive | None = None
    mean_mbps: Positive | None = None
    low_mbps: Positive | None = None
    high_mbps: Positive | None = None
    bytes: Count | None = None
    duration_s: Positive | None = None
    streams: Count | None = None
    stop: Word | None = None
    ramp_s: Positive | None = None
    retransmit_ratio: Ratio | None = None
    loaded_rtt_ms: Spread | None = None
    rates_mbps: Annotated[list[Positive], msgspec.Meta(max_length=300)] | None = None
    failure: Failure | None = None
    gateway_loaded_rtt_ms: Spread | None = None
    rwnd_limited_ratio: Ratio | None = None
    sndbuf_limited_ratio: Ratio | None = None
    early_mbps: Positive | None = None
    early_duration_s: Positive | None = None
    early_bytes: Count | None = None
    loaded_latency_ms: Spread | None = None
    loaded_latency_method: Word | None = None
    loaded_loss_ratio: Ratio | None = None
    responsiveness: Responsiveness | None = None


class Throughput(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Both directions and the evidence needed to trust them: of each figure the worse direction's.

    `cpu_ratio`: processor time of this process, as a share of one core; `cpu_wait_ratio`: share of the time in which it
    was ready to run and did not get a core; `device_cpu_ratio`, `core_cpu_ratio`: how busy all cores together and the
    busiest one were. `ceiling_mbps`: what this device can do with this cipher, by its own test.
    """

    download: Direction | None = None
    upload: Direction | None = None
    idle_rtt_ms: Spread | None = None
    engine: Word | None = None
    cipher: Text | None = None
    congestion: Text | None = None
    cpu_ratio: Positive | None = None
    cross_traffic_mbps: Positive | None = None
    responsiveness_rpm: Positive | None = None
    cpu_wait_ratio: Ratio | None = None
    device_cpu_ratio: Ratio | None = None
    core_cpu_ratio: Ratio | None = None
    gateway_rtt_ms: Spread | None = None
    tls: Text | None = None
    pmtu_bytes: Count | None = None
    peer_load_ratio: Ratio | None = None
    ceiling_mbps: Positive | None = None
    temperature_c: float | None = None


class Latency(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Round trips by `method`: stamp, icmp or tcp. `loss_ratio` is of packets sent; by direction if the peer counts.

    `forward_ms` and `backward_ms`, only if both ends' clocks follow UTC, are off by their difference, up to tens of ms;
    `forward_jitter_ms` and `backward_jitter_ms` need no common clock. `stamps`: where the times of arrival come from,
    `kernel` or `program`. `reflector`: stateful (counts for itself) or stateless. `foreign`: datagrams that came and
    were no answer to ours. `packet_bytes`: each packet's payload on UDP, or after the ICMP header. `r_factor` (0 to
    100) and `mos` (1 to 4.5), only with `profile` call: a call over this line by ITU-T G.107, with `codec`, and what
    they rest on: the delay `mouth_to_ear_ms` and `call_loss_ratio`, the share of packets that are not heard.
    """

    method: Word
    sent: Count
    received: Count
    lost: Count | None = None
    duplicate: Count | None = None
    reordered: Count | None = None
    late: Count | None = None
    rtt_ms: Spread | None = None
    jitter_ms: Positive | None = None
    variation_ms: Positive | None = None
    loss_ratio: Ratio | None = None
    forward_loss_ratio: Ratio | None = None
    backward_loss_ratio: Ratio | None = None
    forward_ms: Spread | None = None
    backward_ms: Spread | None = None
    forward_jitter_ms: Positive | None = None
    backward_jitter_ms: Positive | None = None
    stamps: Word | None = None
    profile: Word | None = None
    r_factor: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    mos: Annotated[float, msgspec.Meta(ge=1, le=5)] | None = None
    codec: Word | None = None
    mouth_to_ear_ms: Positive | None = None
    call_loss_ratio: Ratio | None = None
    reflector: Word | None = None
    foreign: Count | None = None
    packet_bytes: Count | None = None


class Check(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One step of a battery: did it work, and if not, at which stage and why."""

    name: Word
    ok: bool
    stage: Word | None = None
    reason: Word | None = None
    ms: Positive | None = None
    detail: Text | None = None


class Addresses(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """IPv6 addresses of the device, by kind; those that are `deprecated` stand there a second time."""

    global_: list[Text] | None = msgspec.field(default=None, name="global")
    ula: list[Text] | None = None
    temporary: list[Text] | None = None
    tunnel: list[Text] | None = None
    deprecated: list[Text] | None = None


class Router(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the router advertises (RFC 4861). `source`: solicited (it answered us) or kernel (what Linux kept of it).

    `lifetime_s` 0: it is no default router. `managed`, `other_config`: the flags M and O, for DHCPv6.
    """

    address: Text | None = None
    source: Word | None = None
    lifetime_s: Count | None = None
    managed: bool | None = None
    other_config: bool | None = None
    mtu_bytes: Count | None = None
    prefixes: Annotated[list[Text], msgspec.Meta(max_length=16)] | None = None
    dns: Annotated[list[Text], msgspec.Meta(max_length=16)] | None = None
    nat64_prefix: Text | None = None


class HostReach(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A public service over IPv6: its first AAAA, the time to connect, or at which stage it ended."""

    name: Text
    address: Text | None = None
    ms: Positive | None = None
    failure: Failure | None = None


class DnsReach(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Whether an AAAA record is answered over each family."""

    aaaa_over_ipv4: bool | None = None
    aaaa_over_ipv6: bool | None = None


class PerFamily(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A time per address family, in milliseconds."""

    ipv4: Positive | None = None
    ipv6: Positive | None = None


class Ipv6(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """State of IPv6 at the site. `status`: dual_stack ipv4_only ipv6_only broken none.

    `domain`: whose part of the way fails, `lan access provider destination`, absent if none does or nobody can tell;
    `last_router`: the last on the way that answered, of one that does not end at the peer;
    `stage`, `reason`, `decided_by`: of the check that decided the status or took points off. `tunnel`: 6to4, teredo or
    6rd, if the address looks like one. `winner`, `race_ms`, `fallback_ms`: of a real race (RFC 8305), how long it took,
    and how long IPv4 was held back for an IPv6 that then lost. `mtu_ok`: full-size packets went both ways;
    `pmtu_bytes`: what the kernel knew of the path then. `nat64_reached`: the peer's IPv4 address answered behind
    `nat64_prefix`; `clat`: this device has IPv4 by translation (464XLAT). `hosts…`: public services, how many were
    asked for, had an AAAA, and were reached over IPv6. `captive_portal`: whether one stands in the way, absent if
    nobody could be asked.
    """

    status: Word
    addresses: Addresses | None = None
    default_route: bool | None = None
    dns: DnsReach | None = None
    connect_ms: PerFamily | None = None
    winner: Word | None = None
    fallback_ms: Positive | None = None
    pmtu_bytes: Count | None = None
    mtu_ok: bool | None = None
    nat64_prefix: Text | None = None
    score: Annotated[float, msgspec.Meta(ge=0, le=10)] | None = None
    checks: Annotated[list[Check], msgspec.Meta(max_length=100)] | None = None
    stage: Word | None = None
    domain: Word | None = None
    tunnel: Word | None = None
    reason: Word | None = None
    decided_by: Word | None = None
    race_ms: Positive | None = None
    router: Router | None = None
    nat64_reached: bool | None = None
    clat: bool | None = None
    hosts_asked: Count | None = None
    hosts_aaaa: Count | None = None
    hosts_reached: Count | None = None
    hosts: Annotated[list[HostReach], msgspec.Meta(max_length=20)] | None = None
    captive_portal: bool | None = None
    portal_url: Text | None = None
    last_router: Text | None = None


class Radio(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One reading of a mobile modem, with position when known. A modem without network is a reading, without levels.

    `technology`: gsm umts lte nr_nsa nr_sa. Levels are never mixed: `rsrp_dbm`, `rsrq_db`, `sinr_db` are LTE's (the
    anchor's in nr_nsa), the `nr_` ones are 5G's (SS-RSRP, SS-RSRQ, SS-SINR), `rscp_dbm` and `ecio_db` 3G's.
    `band` is the serving cell's (b3, n78, u8, egsm; the anchor's in nr_nsa, where `nr_band` is 5G's). `cell` and `tac`
    (4G, 5G) or `lac` (2G, 3G) are hexadecimal as networks write them.
    `registration`: as ModemManager says, home roaming searching denied idle; `state`: the modem's own state, failed
    locked disabled searching registered connected and those between; `state_reason`: why it failed or is locked
    (sim_missing, sim_pin). `quality_ratio`: the modem's own bar, comparable with itself only.
    `missing`: which of levels, cell, band, position could not be read, and why.
    `position_source`: gnss, gpsd or network; `position_age_s`: how old the fix was; `survey` and `place_number`: the
    walk that this sample belongs to, and which of it this is (from 1, without gaps); `stop`: the place of the walk's
    route where it was taken; `environment`: walking driving indoor, as the person says: a house or a car shields.
    """

    operator: Text | None = None
    mcc_mnc: Text | None = None
    technology: Word | None = None
    band: Text | None = None
    cell: Text | None = None
    tac: Text | None = None
    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None
    rssi_dbm: float | None = None
    registration: Word | None = None
    roaming: bool | None = None
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    accuracy_m: Positive | None = None
    nr_rsrp_dbm: float | None = None
    nr_rsrq_db: float | None = None
    nr_sinr_db: float | None = None
    nr_band: Text | None = None
    rscp_dbm: float | None = None
    ecio_db: float | None = None
    lac: Text | None = None
    method: Word | None = None
    state: Word | None = None
    state_reason: Word | None = None
    modem: Text | None = None
    quality_ratio: Ratio | None = None
    missing: dict[str, Failure] = {}
    altitude_m: float | None = None
    speed_mps: Positive | None = None
    position_source: Word | None = None
    position_age_s: Positive | None = None
    survey: Word | None = None
    place_number: Count | None = None
    environment: Word | None = None
    stop: Text | None = None


class Tally(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of one kind's planned runs in a day."""

    planned: Count = 0
    run: Count = 0
    skipped: dict[str, Count] = {}


class Ledger(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One a day: what the agent planned and did, and which sequence numbers its spool had to drop."""

    day: date
    kinds: dict[str, Tally] = {}
    dropped: Annotated[list[Range], msgspec.Meta(max_length=1000)] = []


Result = Throughput | Latency | Ipv6 | Dns | Web | Path | Radio | Ledger

RESULTS: Final[dict[str, type[Result]]] = {
    "throughput": Throughput,
    "latency": Latency,
    "ipv6": Ipv6,
    "dns": Dns,
    "web": Web,
    "path": Path,
    "radio": Radio,
    "ledger": Ledger,
}
