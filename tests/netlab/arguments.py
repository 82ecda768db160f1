"""The words of `python -m tests.netlab`: rates, queues and shares as people write them."""

import argparse
import re
import textwrap
from pathlib import Path
from typing import Final, NoReturn

from tests.netlab import trace
from tests.netlab.spec import LinkSpec

QUEUE_MS: Final = 50.0
MEGABITS: Final = {"": 1.0, "kbit": 0.001, "mbit": 1.0, "gbit": 1000.0}
BYTES: Final = {"b": 1, "kb": 1000, "mb": 1_000_000}
AMOUNT: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z%]*)")
EXAMPLES: Final = """
    examples:
      python -m tests.netlab --down 102mbit --up 20mbit --rtt 40
          a shell behind this line; leave it to end everything
      python -m tests.netlab --down 1gbit --rtt 20 --server 'iperf3 -s' -- iperf3 -c 10.77.2.2 -R
          a server beyond the line, and a command in front of it
      python -m tests.netlab --down 50mbit --loss 0.5%/0 --burst 4 --queue 15kB -- COMMAND
          a pair is DOWN/UP; here only downloads lose packets
      python -m tests.netlab --trace lte.csv --rtt 50 -- COMMAND
          lines of `ms,mbit`, repeated for ever; 0 is an outage
"""


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how to learn more."""
        self.exit(2, f"netlab: {message} (--help explains)\n")


def parser() -> Parser:
    """Give the parser of the command."""
    whole = Parser(
        prog="python -m tests.netlab",
        description="Run a command (or a shell) behind an emulated line, in namespaces of its own. Needs root.",
        epilog=textwrap.dedent(EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument(
        "--down", type=rate, metavar="RATE", help="towards the client: 102mbit, 1gbit; default: no limit"
    )
    whole.add_argument("--up", type=rate, metavar="RATE", help="towards the server; default: no limit")
    whole.add_argument("--trace", type=Path, metavar="FILE", help="a trace of `ms,mbit` in place of --down")
    whole.add_argument("--up-trace", type=Path, metavar="FILE", help="a trace in place of --up")
    whole.add_argument("--rtt", type=milliseconds, default=0.0, metavar="MS", help="round-trip time without queues")
    whole.add_argument("--jitter", default="0", metavar="MS[/MS]", help="standard deviation of the delay")
    whole.add_argument("--loss", default="0", metavar="SHARE[/SHARE]", help="0.5%% or 0.005")
    whole.add_argument(
        "--burst", type=float, metavar="N", help="packets lost in a row, on average; default: independent"
    )
    whole.add_argument(
        "--queue",
        metavar="SIZE[/SIZE]",
        help="50ms or 15kB; drops its tail; default: the round-trip time, 50ms at least. With much less than a "
        "round trip of the rate, one TCP stream cannot fill the line, and no test over it will say its rate",
    )
    whole.add_argument(
        "--congestion",
        default="bbr",
        metavar="NAME",
        help="of both ends: bbr (default), cubic, reno. "
        "For programs that choose none: linkgauge asks for its own, there say `probe throughput --congestion NAME`",
    )
    whole.add_argument("--seed", type=int, default=1, help="of the luck with loss and jitter")
    whole.add_argument("--server", metavar="COMMAND", help="run this beyond the line meanwhile")
    whole.add_argument("--quiet", action="store_true", help="no line with live counters")
    whole.add_argument("command", nargs="*", metavar="-- COMMAND", help="what to run; default: a shell")
    return whole


def specs(given: argparse.Namespace) -> tuple[LinkSpec, LinkSpec]:
    """Give the specs of the down and the up direction; ValueError (one line) for what makes no sense."""
    ways = []
    for index, (limit, file) in enumerate(((given.down, given.trace), (given.up, given.up_trace))):
        usual = f"{max(QUEUE_MS, given.rtt):g}ms"
        queue_ms, queue_bytes = queue(_of_pair(given.queue or usual, index))
        ways.append(
            LinkSpec(
                rate_mbps=limit,
                trace=trace.read(file) if file is not None else None,
                rtt_ms=given.rtt,
                jitter_ms=milliseconds(_of_pair(given.jitter, index)),
                loss=share(_of_pair(given.loss, index)),
                burst=given.burst,
                queue_ms=queue_ms,
                queue_bytes=queue_bytes,
            )
        )
    return ways[0], ways[1]


def rate(text: str) -> float:
    """Read a rate as Mbit/s: `102mbit`, `1gbit`, `500kbit`, `20`."""
    return _scaled(text, MEGABITS, "rate, such as 102mbit")


def milliseconds(text: str) -> float:
    """Read `40` or `40ms`."""
    return _scaled(text, {"": 1.0, "ms": 1.0, "s": 1000.0}, "time, such as 40ms")


def share(text: str) -> float:
    """Read `0.5%` or `0.005`."""
    return _scaled(text, {"": 1.0, "%": 0.01}, "share, such as 0.5%")


def queue(text: str) -> tuple[float | None, int | None]:
    """Read `50ms` or `15kB` as (ms, bytes), one of them None."""
    if text.lower().endswith("b"):
        return None, round(_scaled(text, BYTES, "queue, such as 50ms or 15kB"))
    return _scaled(text, {"ms": 1.0}, "queue, such as 50ms or 15kB"), None


def _scaled(text: str, units: dict[str, float] | dict[str, int], kind: str) -> float:
    match = AMOUNT.fullmatch(text.strip().lower())
    if match is None or match[2] not in units:
        raise argparse.ArgumentTypeError(f"{text} is not a {kind}")
    return float(match[1]) * units[match[2]]


def _of_pair(text: str, index: int) -> str:
    parts = text.split("/")
    if len(parts) > 2:
        raise ValueError(f"{text} must be one value, or DOWN/UP")
    return parts[index if len(parts) == 2 else 0]
