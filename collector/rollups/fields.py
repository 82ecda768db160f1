"""Which numbers of which kind are rolled up. Data: a number that is not here has no roll-up.

What is left out, and why: counts and bytes of one run (they say how it was measured), the agent's own health
(`status` has it), bounds of one run's estimate (a spread over runs says more), `rssi_dbm` and `quality_ratio`
(not comparable between technologies or modems), `forward_ms` and `backward_ms` (they depend on two clocks).
"""

from collections.abc import Mapping
from typing import Final

from collector.judge.verdict import INDICATOR

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput": (
        INDICATOR,
        "upload_mbps",
        "idle_rtt_ms_median",  # the line at rest, beside which the two below are read
        "download_loaded_latency_ms_median",
        "upload_loaded_latency_ms_median",
        "download_retransmit_ratio",
        "responsiveness_rpm",
    ),
    "latency": (
        "rtt_ms_min",  # the way itself, without queues
        "rtt_ms_median",
        "rtt_ms_p95",  # with the least: `variation_ms` is their difference
        "jitter_ms",
        "loss_ratio",
        "forward_loss_ratio",  # mostly 0, which costs next to nothing, and else the direction to look at
        "backward_loss_ratio",
        "mos",
    ),
    "ipv6": ("score", "connect_ms_ipv4", "connect_ms_ipv6", "pmtu_bytes"),
    "dns": ("median_ms",),
    "web": ("total_ms", "first_byte_ms"),
    "path": ("rtt_ms", "first_hop_rtt_ms", "first_hop_loss_ratio", "provider_hop_rtt_ms", "provider_hop_loss_ratio"),
    # 5G's levels, 4G's and 3G's are fields of their own, and stay so: one never stands in for another.
    "radio": ("rsrp_dbm", "rsrq_db", "sinr_db", "nr_rsrp_dbm", "nr_rsrq_db", "nr_sinr_db", "rscp_dbm", "ecio_db"),
}
"""Kind → fields, the one that a page shows first in front."""

BOUND: Final = frozenset({("throughput", INDICATOR)})
"""The fields that a plan's target can bind; the share at or above it is told for these."""

FAILURES: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput": ("failure", "download_failure", "upload_failure"),  # one direction that failed is a failed report
}
"""Kind → the fields that say that a report failed; `failure` where none is named."""

ELSEWHERE: Final[Mapping[str, str]] = {"radio": "survey"}
"""Kind → the field that marks reports which say nothing of the site: samples of a walk were taken somewhere else."""
