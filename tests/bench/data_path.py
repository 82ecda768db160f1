"""What moving data costs: CPU and memory of the client, of the service while it tests, and of our own peer.

    python -m tests.bench.data_path [--gb 5] [--part cpu rss peer] [--json FILE] [--markdown FILE]

Two namespaces with a cable between them, our peer in one, our client in the other. Needs root, `ip` and `openssl`.
CPU is user and system time of the client process between its first and its last quarter of a second under load, so
start-up, handshake and the building of frames do not count. Memory is VmHWM of the real programs.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agent.speed import msak
from agent.speed.engine import Leg, Target, Transfer, Way
from agent.speed.estimate import at
from agent.speed.limits import Limits
from tests.agent.net.namespaces import Namespace, cabled, first_line
from tests.bench.machine import commit, machine

NEAR, FAR = "10.79.0.1", "10.79.0.2"
LONGEST_S: Final = 23.0
CPU_GOALS: Final = {
    ("plain", "download"): 0.35,
    ("plain", "upload"): 0.45,
    ("tls", "download"): 1.4,
    ("tls", "upload"): 1.4,
}
RSS_GOALS: Final = {("probe", "plain"): 45, ("probe", "tls"): 55, ("service", "plain"): 55, ("service", "tls"): 65}
TESTS, STREAMS = 15, 4


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against its goal (None: no goal is set)."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    def __str__(self) -> str:
        verdict = "" if self.goal is None else f"goal ≤ {self.goal:g}  {'met' if self.value <= self.goal else 'MISSED'}"
        return f"{self.what:<44} {self.value:>8.2f} {self.unit:<8} {verdict:<20} {self.note}".rstrip()


# --- the client, in a process of its own


async def _load(port: int, *, tls: bool, way: Way, gigabytes: float) -> dict[str, float]:
    """Move the data with the real engine; CPU and bytes between two moments under load."""
    marks: list[tuple[float, float]] = []

    def watch(_gone_s: float, _mbps: float) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        marks.append((asyncio.get_running_loop().time(), used.ru_utime + used.ru_stime))

    transfer = await _run(port, tls=tls, way=way, limits=_limits(gigabytes), watch=watch)
    (begun_s, cpu_before), (ended_s, cpu_after) = marks[0], marks[-1]
    moved = at(transfer.samples, ended_s) - at(transfer.samples, begun_s)
    return {
        "cpu_s_per_gb": (cpu_after - cpu_before) / (moved / 1e9),
        "gbps": moved * 8 / 1e9 / (ended_s - begun_s),
        "gigabytes": moved / 1e9,
        "all_gigabytes": transfer.received / 1e9,
        "cpu_ratio": (cpu_after - cpu_before) / (ended_s - begun_s),
    }


def _limits(gigabytes: float) -> Limits:
    return Limits(seconds=LONGEST_S, max_bytes=int(gigabytes * 1.4e9), streams=STREAMS, early=False, may_grow=False)


async def _run(port: int, *, tls: bool, way: Way, limits: Limits, watch: Any = lambda _gone_s, _mbps: None) -> Transfer:  # noqa: ANN401 - a callable of the engine
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    target = Target(FAR, port, tls)
    leg = Leg(way, target, FAR, limits, mid=str(uuid.uuid4()), tls=context, watch=watch)
    return await msak.run(leg)


async def _crowd(port: int, *, way: Way) -> dict[str, float]:
    """Many tests at once; what all of them got."""
    limits = Limits(seconds=4.0, streams=STREAMS, early=False, may_grow=False)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_run(port, tls=False, way=way, limits=limits), name=f"test {number}")
            for number in range(TESTS)
        ]
    got = [task.result() for task in tasks]
    rates = [one.samples[-1].received * 8 / 1e9 / (one.samples[-1].at_s - one.samples[0].at_s) for one in got]
    return {"gbps": sum(rates), "least": min(rates), "median": statistics.median(rates)}


# --- the programs around it


@dataclass(frozen=True, slots=True)
class Bench:
    """The two ends, and the peer's process and ports."""

    near: Namespace
    peer: "subprocess.Popen[str]"
    ports: dict[str, int]
    folder: Path

    def client(self, *arguments: object) -> dict[str, float]:
        """Run this module as a client in the near namespace; what it found."""
        process = self.near.python(["-m", "tests.bench.data_path", "--client", *map(str, arguments)])
        out, err = process.communicate(timeout=60)
        if process.returncode:
            raise SystemExit(f"the client failed: {err.strip()[-800:]}")
        found: dict[str, float] = json.loads(out)
        return found


@contextlib.contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="linkgauge-bench-") as name, cabled("b") as (near, far):
        folder = Path(name)
        near.run(f"ip address add {NEAR}/24 dev {near.device}")
        far.run(f"ip address add {FAR}/24 dev {far.device}")
        cert, key = _certificate(folder)
        listening = ["--listen", f"{FAR}:8080", "--listen-tls", f"{FAR}:4443", "--cert", str(cert), "--key", str(key)]
        with _process(far, ["-m", "agent", "peer", *listening, "--max-tests", str(4 * TESTS)]) as peer:
            for _ in range(2):
                first_line(peer.stdout)
            yield Bench(near, peer, {"plain": 8080, "tls": 4443}, folder)


@contextlib.contextmanager
def _process(place: Namespace, arguments: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    process = place.python(arguments)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _certificate(folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise SystemExit("needs the program openssl")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    where = ["-subj", "/CN=bench", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *made, *where], check=True, capture_output=True)  # noqa: S603 - fixed arguments
    return cert, key


def _peak_mb(pid: int) -> float | None:
    """The most memory that a process ever had, in MB; None once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 / 1e6 if found else None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the parts


def measure_cpu(bench: Bench, gigabytes: float) -> Iterator[Row]:
    """Seconds of CPU per GB at the client, each way, plain and TLS; and the same of our peer."""
    for (kind, way), goal in CPU_GOALS.items():
        before = _cpu_s(bench.peer.pid)
        found = bench.client("load", bench.ports[kind], kind, way, gigabytes)
        theirs = (_cpu_s(bench.peer.pid) - before) / found["all_gigabytes"]
        note = f"{found['gbps']:.1f} Gbit/s, {found['gigabytes']:.1f} GB, client on {found['cpu_ratio']:.0%} of a core"
        yield Row(f"client CPU, {kind} {way}", found["cpu_s_per_gb"], "s/GB", goal, note)
        yield Row(f"peer CPU, {kind} {way}", theirs, "s/GB")


def measure_rss(bench: Bench) -> Iterator[Row]:
    """Peak memory of `probe --json`, and of the service while it tests, 4 streams."""
    for kind, port in bench.ports.items():
        url = f"msak+{'wss' if kind == 'tls' else 'ws'}://{FAR}:{port}"
        yield Row(f"peak RSS, probe --json, {kind}", _probe_peak(bench, url), "MB", RSS_GOALS["probe", kind])
        yield Row(
            f"peak RSS, service while it tests, {kind}", _service_peak(bench, url), "MB", RSS_GOALS["service", kind]
        )


def _probe_peak(bench: Bench, url: str) -> float:
    arguments = ["-m", "agent", "probe", "throughput", "--peer", url, "--json", "--insecure", "true"]
    process = bench.near.python(arguments)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak_mb(process.pid) or 0)
        time.sleep(0.02)
    out, err = process.communicate()
    result = json.loads(out)["result"] if out else None
    if not result or "failure" in result["download"] or "failure" in result["upload"]:
        raise SystemExit(f"the probe failed: {out[-400:]} {err[-400:]}")
    return peak


def _service_peak(bench: Bench, url: str) -> float:
    data = bench.folder / f"data-{time.monotonic_ns()}"
    config = bench.folder / "agent.toml"
    config.write_text(
        f'[agent]\nid = "bench"\ndata = "{data}"\n[broker]\nurl = "mqtt://{FAR}:1"\n[peer]\nurls = ["{url}"]\n'
        "[schedule.throughput]\nfirst_runs = 1\nfirst_every_s = 1\n"
        '[schedule.throughput.options]\ninsecure = "true"\n'
        + "".join(f"[schedule.{kind}]\nenabled = false\n" for kind in ("latency", "ipv6", "dns", "web", "path"))
    )
    with _process(bench.near, ["-m", "agent", "run", "--config", str(config)]) as service:
        deadline = time.monotonic() + 55
        while not _has_measured(data) and time.monotonic() < deadline and service.poll() is None:
            time.sleep(0.1)
        peak = _peak_mb(service.pid)
        if peak is None or not _has_measured(data):
            raise SystemExit(f"the service measured nothing: {data / 'status.json'}")
        return peak


def _has_measured(data: Path) -> bool:
    try:
        recent = json.loads((data / "status.json").read_bytes()).get("recent", [])
    except (OSError, ValueError):
        return False
    return any(line.get("kind") == "throughput" and not line.get("failure") for line in recent)


def measure_peer(bench: Bench) -> Iterator[Row]:
    """Our peer under 60 streams of 15 tests at once: memory, and what they got."""
    for way in ("download", "upload"):
        found = bench.client("crowd", bench.ports["plain"], "plain", way, 0)
        note = f"15 tests of 4 streams, least {found['least']:.2f}, median {found['median']:.2f}"
        yield Row(f"peer, 60 streams, {way}", found["gbps"], "Gbit/s", None, note)
    yield Row("peer, peak RSS of all that", _peak_mb(bench.peer.pid) or 0, "MB")


# --- the command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=5.0, help="gigabytes to move per case (default 5)")
    parser.add_argument("--part", nargs="+", choices=("cpu", "rss", "peer"), default=["cpu", "rss", "peer"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a table here too")
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.client:
        return _client(*args.client)
    rows = []
    with _bench() as bench:
        parts = {
            "cpu": lambda: measure_cpu(bench, args.gb),
            "rss": lambda: measure_rss(bench),
            "peer": lambda: measure_peer(bench),
        }
        for part in args.part:
            for row in parts[part]():
                print(row, flush=True)  # noqa: T201 - a command for people
                rows.append(row)
    _keep(rows, args)
    return int(any(row.goal is not None and row.value > row.goal for row in rows))


def _client(what: str, port: str, kind: str, way: Way, gigabytes: str) -> int:
    if what == "crowd":
        found = asyncio.run(_crowd(int(port), way=way))
    else:
        found = asyncio.run(_load(int(port), tls=kind == "tls", way=way, gigabytes=float(gigabytes)))
    json.dump(found, sys.stdout)
    return 0


def _keep(rows: Sequence[Row], args: argparse.Namespace) -> None:
    """Write the files. Rows of other parts that a file has from before stay in it, each with its date."""
    day = datetime.now(UTC).date().isoformat()
    told = {row.what: {"date": day, **asdict(row)} for row in rows}
    if args.json:
        if args.json.is_file():
            before = json.loads(args.json.read_text())
            told = {row["what"]: row for row in before["rows"]} | told
        content = {"machine": machine(), "commit": commit(), "rows": list(told.values())}
        args.json.write_text(json.dumps(content, indent=1) + "\n")
    if args.markdown:
        lines = [f"Measured {day} on {machine()}.", "", "| what | value | goal | |", "| --- | --- | --- | --- |"]
        for row in told.values():
            goal = "" if row["goal"] is None else f"≤ {row['goal']:g}"
            lines.append(f"| {row['what']} | {row['value']:.2f} {row['unit']} | {goal} | {row['note']} |")
        args.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
