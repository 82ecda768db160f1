"""`linkgauge-agent simulate`: starts the fleet's processes, shows what they say, and adds it up at the end."""

import argparse
import asyncio
import contextlib
import math
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from agent.config import BrokerSettings
from agent.errors import UsageError
from agent.simulate import registration
from agent.simulate.board import Board
from agent.simulate.device import FILE
from agent.simulate.plan import AGENTS_A_PROCESS, Plan
from agent.simulate.reports import mix_of
from agent.simulate.results import MAKERS
from agent.simulate.site import site_of
from agent.simulate.summary import Summary, summary
from agent.simulate.tally import Tally, together

DONE: Final = 0
FAULT: Final = 1
NETWORK_FAILED: Final = 3
_DAY_S: Final = 86400.0
_STOP_S: Final = 20.0
_SCHEMES: Final = {"mqtt", "mqtts"}
_LINE_BYTES: Final = 1 << 20


def simulate(args: argparse.Namespace) -> int:
    """Run a fleet, or write down whom to register; gives the exit code."""
    if args.write_sites is not None:
        beside = registration.write(args.write_sites, agents=args.agents, seed=args.seed)
        sys.stdout.write(
            f"{args.write_sites}: {args.agents} sites; {beside}: their agents. Register them where the collector is:\n"
            f"  linkgauge-collector site import {args.write_sites}\n"
            f"  linkgauge-collector agent add --from {beside}\n"
        )
        return DONE
    with _folder(args.folder) as folder:
        plans = plans_of(args, folder)
        fleet = Fleet(plans)
        with Board(plans[0], quiet=args.json) as board:
            asyncio.run(fleet.run(board.show))
        said = summary(plans[0], fleet.tallies, seconds=board.seconds)
    return _tell(said, as_json=args.json)


def _tell(said: Summary, *, as_json: bool) -> int:
    sys.stdout.write((msgspec.json.encode(said).decode() if as_json else said.words()) + "\n")
    if said.connects:
        return DONE
    sys.stderr.write("linkgauge-agent simulate: no agent reached the broker; check --broker, and that it runs\n")
    return NETWORK_FAILED


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Give the folder for the spools; one of our own is removed at the end."""
    if given is not None:
        if (given / FILE).exists():
            raise UsageError(f"--folder {given}: a device's own spool lies there; name another folder")
        try:
            given.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--folder {given}: {error.strerror}") from error
        yield given
        return
    own = Path(tempfile.mkdtemp(prefix="linkgauge-simulate-"))
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def plans_of(args: argparse.Namespace, folder: Path) -> list[Plan]:
    """Read the arguments into one plan for each process; raises UsageError."""
    processes = args.processes or -(-args.agents // AGENTS_A_PROCESS)
    every, within = _pair(args.storm, "--storm", (0.0, 10.0))
    share, offline_s = _pair(args.offline, "--offline", (0.0, 60.0))
    if share >= 1:
        raise UsageError("--offline: the share of agents must be below 1, for example 0.1:120")
    mix = _mix(args.kinds)
    rate = args.rate if args.rate is not None else _real_rate(args, mix)
    plan = Plan(
        agents=args.agents,
        rate=rate,
        broker=_broker(args),
        folder=str(folder),
        seed=args.seed,
        step=processes,
        start=_time(args.start),
        seconds=args.seconds,
        drain_s=args.drain,
        reports=args.reports,
        prefill=args.prefill,
        ramp_s=args.ramp,
        storm_every_s=every,
        storm_within_s=within,
        offline_share=share,
        offline_s=offline_s,
        mix=mix,
    )
    return [msgspec.structs.replace(plan, first=number) for number in range(processes)]


def _broker(args: argparse.Namespace) -> BrokerSettings:
    if args.broker is None:
        raise UsageError("name the broker with --broker, for example mqtt://127.0.0.1:1883")
    url = urlsplit(args.broker)
    if url.scheme not in _SCHEMES or not url.hostname:
        raise UsageError(
            f'--broker: "{args.broker}" is not one that a fleet can use; write mqtt:// or mqtts://HOST:PORT'
        )
    given: dict[str, object] = {"url": args.broker, "ca": args.ca, "username": args.username}
    given["password_file"] = args.password_file
    for timer in args.timer:
        key, _, value = timer.partition("=")
        given[key] = value
    try:
        return msgspec.convert(given, type=_Strict, strict=False).settings(given)
    except msgspec.ValidationError as error:
        raise UsageError(f"--timer: {error}") from error


class _Strict(BrokerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings, where an unknown key is an error."""

    def settings(self, given: dict[str, object]) -> BrokerSettings:
        """Give them in their own type."""
        return msgspec.convert(given, type=BrokerSettings, strict=False)


def _mix(text: str | None) -> dict[str, float]:
    mix: dict[str, float] = {}
    for part in text.split(",") if text else ():
        kind, _, weight = part.partition("=")
        share = _number(weight or "1")
        if kind not in MAKERS or share is None or not 0 <= share < math.inf:
            raise UsageError(f'--kinds: "{part}" is not KIND=WEIGHT; kinds are {", ".join(MAKERS)}')
        mix[kind] = share
    if mix and not sum(mix.values()):
        raise UsageError("--kinds: all weights are 0; give one that is above")
    return mix


def _real_rate(args: argparse.Namespace, mix: dict[str, float]) -> float:
    """As many reports as the agents' own schedules would make."""
    return sum(sum(mix_of(site_of(args.seed, number), mix).values()) for number in range(args.agents)) / _DAY_S


def _pair(text: str | None, option: str, default: tuple[float, float]) -> tuple[float, float]:
    if text is None:
        return default
    first, _, second = text.partition(":")
    pair = _number(first), _number(second) if second else default[1]
    match pair:
        case (float() as low, float() as high) if 0 < low <= _DAY_S and 0 < high <= _DAY_S:
            return low, high
    raise UsageError(f'{option}: "{text}" is not two numbers above 0 with a colon between')


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f'--start: "{text}" is not a time; write 2026-11-01T00:00:00Z') from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


class Fleet:
    """The processes, and what each said last."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans
        self._stop = asyncio.Event()
        self.tallies = [Tally() for _ in plans]

    async def run(self, show: Callable[[Tally], None]) -> None:
        """Run them all until they end, or Ctrl-C; raises UsageError with the words of one that could not begin."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(self._watch(place, plan, show), name=f"fleet-{place}")
                for place, plan in enumerate(self._plans)
            ]
            stopping = group.create_task(self._stop.wait(), name="fleet-stop")
            await asyncio.wait(running)
            stopping.cancel()

    def stop(self) -> None:
        """End them all, as Ctrl-C does; from within `show`."""
        self._stop.set()

    async def _watch(self, place: int, plan: Plan, show: Callable[[Tally], None]) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agent.simulate.fleet", msgspec.json.encode(plan).decode(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C is heard here
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                stopping = group.create_task(self._end_on_stop(process), name=f"fleet-{place}-stop")
                trouble = group.create_task(_words(process.stderr), name=f"fleet-{place}-words")
                await self._read(place, process.stdout, show)
                code = await process.wait()
                stopping.cancel()
        finally:
            if process.returncode is None:
                process.kill()
        if code and not self._stop.is_set():
            raise UsageError((trouble.result() or f"a process of the fleet ended with code {code}").splitlines()[-1])

    async def _read(self, place: int, lines: asyncio.StreamReader | None, show: Callable[[Tally], None]) -> None:
        while lines is not None and (line := await lines.readline()):
            self.tallies[place] = msgspec.json.decode(line, type=Tally)
            show(together(self.tallies))

    async def _end_on_stop(self, process: asyncio.subprocess.Process) -> None:
        await self._stop.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.sleep(_STOP_S)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _words(lines: asyncio.StreamReader | None) -> str:
    return (await lines.read()).decode("utf-8", "replace").strip() if lines is not None else ""
