"""What each kind of probe found. Units stand in names; absent means not measured and is never written as zero.

Rules of change: add optional fields only. `RESULTS` is the list of kinds that this version can read; a report of
another kind is deferred by the collector, never lost.
"""

from datetime import date
from typing import Annotated, Final

import msgspec

from agent.wire.failure import Failure, Word

Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Range = tuple[Sequence, Sequence]


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """Round-trip times, in milliseconds."""

    min: Positive | None = None
    median: Positive | None = None
    mean: Positive | None = None
    p95: Positive | None = None
    p99: Positive | None = None
    max: Positive | None = None


class Direction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One direction of a throughput run: numbers, or the failure that ended it (then what was seen before it).

    `mbps` is the steady goodput (TCP payload received, counted at the receiver by one clock), `low_mbps` and
    `high_mbps` bound it at 95 %; `mean_mbps` is all bytes ÷ all time. `rates_mbps`: per 100 ms, at most 300.
    `rwnd_limited_ratio`, `sndbuf_limited_ratio`: share of the loaded time in which the receiver's window or the
    sender's own buffer held the data back. `early_…`: only in a run that went its full length to check the early
    stop: what stopping early would have said, after how long, for how many bytes.
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


class Throughput(msgspec.Struct, frozen=True, omit_defaults=True):
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


class Latency(msgspec.Struct, frozen=True, omit_defaults=True):
    """Round trips to a reflector. `loss_ratio` is of packets sent; by direction only if the reflector counts."""

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


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a battery: did it work, and if not, at which stage and why."""

    name: Word
    ok: bool
    stage: Word | None = None
    reason: Word | None = None
    ms: Positive | None = None
    detail: Text | None = None


class Addresses(msgspec.Struct, frozen=True, omit_defaults=True):
    """IPv6 addresses of the device, by kind."""

    global_: list[Text] | None = msgspec.field(default=None, name="global")
    ula: list[Text] | None = None
    temporary: list[Text] | None = None
    tunnel: list[Text] | None = None


class DnsReach(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether an AAAA record is answered over each family."""

    aaaa_over_ipv4: bool | None = None
    aaaa_over_ipv6: bool | None = None


class PerFamily(msgspec.Struct, frozen=True, omit_defaults=True):
    """A time per address family, in milliseconds."""

    ipv4: Positive | None = None
    ipv6: Positive | None = None


class Ipv6(msgspec.Struct, frozen=True, omit_defaults=True):
    """State of IPv6 at the site. `status`: dual_stack ipv4_only ipv6_only broken none."""

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


class Radio(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reading of a mobile modem, with position when known."""

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


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one kind's planned runs in a day."""

    planned: Count = 0
    run: Count = 0
    skipped: dict[str, Count] = {}


class Ledger(msgspec.Struct, frozen=True, omit_defaults=True):
    """One a day: what the agent planned and did, and which sequence numbers its spool had to drop."""

    day: date
    kinds: dict[str, Tally] = {}
    dropped: Annotated[list[Range], msgspec.Meta(max_length=1000)] = []


Result = Throughput | Latency | Ipv6 | Radio | Ledger

RESULTS: Final[dict[str, type[Result]]] = {
    "throughput": Throughput,
    "latency": Latency,
    "ipv6": Ipv6,
    "radio": Radio,
    "ledger": Ledger,
}
