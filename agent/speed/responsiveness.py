"""How quickly a loaded line still answers, in round trips per minute (RPM). Pure.

Source: draft-ietf-ippm-responsiveness-09, 5.2 (parameters), 5.3.1 (formula) and 5.4.1 (confidence), for HTTP/1.1:
requests cannot share a loaded connection there, so the kernel's round trip of these connections stands in for "self"
probes, as 5.3 allows. `ippm09_http1` is the draft's formula without TLS, `ippm09_http1_tls` the one with it.

Ours: of fewer than 20 probes none is trimmed (5 % of them is less than one), and intervals are counted from the end of
the ramp. Runs that end once their rate is known last one to three seconds, so four intervals of the draft's 5 s are
never reached and the confidence is low; the option `rpm_interval_s` takes the older drafts' 1 s.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from agent.wire.results import Responsiveness

FORMULA: Final = {False: "ippm09_http1", True: "ippm09_http1_tls"}
INTERVAL_S: Final = 5.0
KEEP: Final = 0.95
RAW_MOST: Final = 100
_MINUTE_MS: Final = 60_000.0
_DIGITS: Final = 2

Confidence = Literal["low", "medium", "high"]


class Probe(NamedTuple):
    """One part of one probe: when it began (seconds of the loop's clock) and how long it took."""

    at_s: float
    ms: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """The draft's: ID in seconds, MAD in intervals, TMP as the share of probes that is kept, SDT as a share."""

    interval_s: float = INTERVAL_S
    distance: int = 4
    keep: float = KEEP
    tolerance: float = 0.05


@dataclass(frozen=True, slots=True)
class Probes:
    """Four sets: handshakes of new connections (`tls` per round trip; None without TLS), their one request, and self.

    `own`: round trips of the loaded connections themselves.
    """

    tcp: Sequence[Probe]
    http: Sequence[Probe]
    own: Sequence[Probe]
    tls: Sequence[Probe] | None = None

    def within(self, start_s: float, end_s: float) -> "Probes":
        """Those that began in a span of time."""
        tcp, http, own, tls = (
            None if one is None else [probe for probe in one if start_s <= probe.at_s <= end_s]
            for one in (self.tcp, self.http, self.own, self.tls)
        )
        return Probes(tcp or [], http or [], own or [], tls)


def trimmed_mean(values: Sequence[float], keep: float) -> float | None:
    """The mean of the smallest `keep` of the values (0.95: the worst twentieth is left out); None without any."""
    if not values:
        return None
    # The count is rounded first: 20 * (1 - 0.95) is 1.0000000000000009.
    left_out = math.floor(round(len(values) * (1 - keep), 9))
    return statistics.fmean(sorted(values)[: max(1, len(values) - left_out)])


def rpm(probes: Probes, *, keep: float = KEEP) -> float | None:
    """Round trips per minute; None if one of the sets is empty, or takes no time, which nothing does."""
    handshakes = [probes.tcp, probes.http] if probes.tls is None else [probes.tcp, probes.tls, probes.http]
    foreign = [trimmed_mean([probe.ms for probe in one], keep) for one in handshakes]
    own = trimmed_mean([probe.ms for probe in probes.own], keep)
    if own is None or own <= 0 or any(mean is None or mean <= 0 for mean in foreign):
        return None
    away = statistics.fmean(mean for mean in foreign if mean is not None)
    return (_MINUTE_MS / away + _MINUTE_MS / own) / 2


def confidence(probes: Probes, start_s: float, end_s: float, parameters: Parameters) -> Confidence:
    """How far the figure can be trusted: `low` before so many intervals, `high` once they hardly differ.

    As the draft has it: the standard deviation of the last MAD values, each over at most MAD intervals, within SDT of
    the newest.
    """
    intervals = math.floor(round((end_s - start_s) / parameters.interval_s, 6))
    distance = parameters.distance
    if intervals < distance:
        return "low"
    span_s = distance * parameters.interval_s
    ends = [start_s + count * parameters.interval_s for count in range(intervals - distance + 1, intervals + 1)]
    values = [rpm(probes.within(max(start_s, end - span_s), end), keep=parameters.keep) for end in ends]
    known = [value for value in values if value is not None]
    if len(known) < distance or len(known) < 2:  # noqa: PLR2004 - one has no deviation
        return "medium"
    return "high" if statistics.stdev(known) < parameters.tolerance * known[-1] else "medium"


def responsiveness(probes: Probes, start_s: float, end_s: float, parameters: Parameters) -> Responsiveness | None:
    """The result from the loaded time between two moments: of its last MAD intervals, with the probes behind it.

    Without a figure where one of the sets is empty; None where nothing was asked in that time.
    """
    since_s = max(start_s, end_s - parameters.distance * parameters.interval_s)
    used = probes.within(since_s, end_s)
    if not (used.tcp or used.http):
        return None
    value = rpm(used, keep=parameters.keep)
    return Responsiveness(
        rpm=None if value is None else round(value, 1),
        formula=FORMULA[probes.tls is not None],
        confidence=None if value is None else confidence(probes, start_s, end_s, parameters),
        tcp_ms=_raw(used.tcp),
        tls_ms=_raw(used.tls or []),
        http_ms=_raw(used.http),
        self_ms=_raw(used.own),
    )


def _raw(probes: Sequence[Probe]) -> list[float] | None:
    """What is stored of a set: rounded, and evenly thinned out where there are too many."""
    if not probes:
        return None
    step = max(1.0, len(probes) / RAW_MOST)
    return [round(probes[int(place * step)].ms, _DIGITS) for place in range(min(len(probes), RAW_MOST))]
