"""The arguments of `linkgauge-agent simulate`. Light: read before anybody knows which command is meant."""

import argparse
from pathlib import Path

ABOUT = "a fleet of real uplinks and spools without the measuring, for sizing, chaos and rehearsal"
EXAMPLE = "simulate --agents 500 --rate 200 --broker mqtt://127.0.0.1:1883 --seconds 60"
MORE = (
    "Register the fleet first: simulate --agents 500 --write-sites sites.csv writes the sites and, beside them,"
    " sites.agents.csv; then: linkgauge-collector site import sites.csv; linkgauge-collector agent add --from"
    " sites.agents.csv. Reports of agents that nobody registered wait in their spools. The same --seed gives the same"
    " sites and the same reports, but for ids, times and what hangs on the time of day; with --start those too. Ids are"
    " sim-00001 and on. On a slow disk let --folder lie in memory (/dev/shm/fleet): every report is forced to disk."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `simulate` takes."""
    parser.epilog = f"{parser.epilog}. {MORE}"
    add = parser.add_argument
    add("--agents", type=_whole(1, 99_999), default=100, metavar="N", help="how many (default 100)")
    add(
        "--rate",
        type=_number(0),
        default=None,
        metavar="R",
        help="reports a second, all together (default: as real ones)",
    )
    add("--broker", metavar="URL", help="mqtt:// or mqtts://HOST:PORT")
    add(
        "--seconds", type=_number(0), default=0.0, metavar="S", help="make reports so long, then wait (default: no end)"
    )
    add("--drain", type=_number(0), default=30.0, metavar="S", help="wait at most so long for the last receipts (30)")
    add(
        "--reports",
        type=_whole(0, 10**9),
        default=0,
        metavar="N",
        help="end when each agent made N and all are receipted",
    )
    add("--seed", type=_whole(0, 2**31), default=1, metavar="K", help="decides sites and reports (default 1)")
    add("--start", metavar="TIME", help="date reports from here on, 2026-11-01T00:00Z; default: now, by the clock")
    add("--processes", type=_whole(1, 64), metavar="P", help="default: one for each 2,500 agents")
    add("--folder", type=Path, metavar="DIR", help="spools; kept (default: a temporary folder, removed at the end)")
    add("--prefill", type=_whole(0, 1000), default=0, metavar="N", help="reports that wait before an agent connects")
    add("--ramp", type=_number(0), default=10.0, metavar="S", help="first connections are spread over S (default 10)")
    add("--storm", metavar="EVERY:WITHIN", help="all connections break every EVERY s, and come again within WITHIN s")
    add("--offline", metavar="SHARE:SECONDS", help="this share of agents is cut off at any time, SECONDS at once")
    add("--kinds", metavar="KIND=N,…", help="weights of kinds, for example throughput=1 (default: the real mix)")
    add("--username", metavar="NAME", help="for the broker; %%a stands for the agent's id")
    add("--password-file", metavar="FILE", help="for the broker")
    add("--ca", metavar="FILE", help="certificates that the broker's must come from, PEM")
    add("--timer", action="append", default=[], metavar="KEY=S", help="a key of [broker], for example resend_first_s=2")
    add("--write-sites", type=Path, metavar="FILE", help="write the fleet's sites and agents as CSV, and end")
    add("--json", action="store_true", help="print one line of JSON at the end and nothing else")


class _whole:  # noqa: N801 - reads like a type in the lines above
    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from {self.least} to {self.most}')
        return int(text)


class _number:  # noqa: N801 - likewise
    def __init__(self, least: float) -> None:
        self.least = least

    def __call__(self, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not self.least <= number <= 1e9:  # noqa: PLR2004 - thirty years
            raise argparse.ArgumentTypeError(f'"{text}" is not a number from {self.least:g} up')
        return number
