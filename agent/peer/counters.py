"""What the peer did, in the Prometheus text format. By hand: a client library would cost the agent megabytes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PREFIX = "linkgauge_peer_"


@dataclass(slots=True)
class Counters:
    """Running totals since the start; only ever counted up."""

    connections: Counter[str] = field(default_factory=Counter)
    """By `plain tls`."""
    responses: Counter[str] = field(default_factory=Counter)
    """By HTTP status, 101 included."""
    streams: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By protocol, direction and outcome."""
    payload_bytes: Counter[str] = field(default_factory=Counter)
    """By direction."""
    stamp: Counter[str] = field(default_factory=Counter)
    """By what became of the packet."""
    faults: int = 0
    """Connections that ended by a fault of ours."""

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return the exposition text; `gauges` maps a name to its help and its value now."""
        lines: list[str] = []
        for name, (about, value) in gauges.items():
            lines += _family(name, "gauge", about, [("", value)])
        lines += _family("connections_total", "counter", "Connections accepted.", _labelled("kind", self.connections))
        lines += _family("http_responses_total", "counter", "HTTP answers.", _labelled("status", self.responses))
        outcomes = [
            (f'{{protocol="{protocol}",direction="{direction}",outcome="{outcome}"}}', count)
            for (protocol, direction, outcome), count in sorted(self.streams.items())
        ]
        lines += _family("streams_total", "counter", "Measurement streams that ended.", outcomes)
        payload = _labelled("direction", self.payload_bytes)
        lines += _family("payload_bytes_total", "counter", "Test payload moved in streams that ended.", payload)
        lines += _family("stamp_packets_total", "counter", "STAMP packets received.", _labelled("outcome", self.stamp))
        lines += _family(
            "faults_total", "counter", "Connections ended by a fault of this program.", [("", self.faults)]
        )
        return "\n".join(lines) + "\n"


def _labelled(label: str, counter: Counter[str]) -> list[tuple[str, float]]:
    """Return one sample per key, the key as the value of `label`. Keys are our own words, never a client's."""
    return [(f'{{{label}="{key}"}}', count) for key, count in sorted(counter.items())]


def _family(name: str, kind: str, about: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    """Return one metric family: its help, its type and its samples."""
    head = [f"# HELP {PREFIX}{name} {about}", f"# TYPE {PREFIX}{name} {kind}"]
    return head + [f"{PREFIX}{name}{labels} {value}" for labels, value in samples]
