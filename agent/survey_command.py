"""`linkgauge-agent survey`, from its arguments to its card: what is put together, and what ends it."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

from agent.card_row import Row
from agent.clock import SystemClock
from agent.config import AgentConfig
from agent.errors import SpoolError
from agent.identity import read_identity
from agent.measure import Order
from agent.peers import options_for, peer_for
from agent.probes import radio as radio_probe
from agent.probes.probe import Task, family_of
from agent.survey import keys
from agent.survey.delivery import CONNECT_S, SHORT_S, Delivery, Sender, hand_in
from agent.survey.notebook import Notebook, walk_id
from agent.survey.route import Route, read
from agent.survey.session import Listeners, Plan, Session
from agent.survey.summary import summary_rows
from agent.survey.view import frame, notes, sample_line
from agent.survey.walk import Walk
from agent.survey.walk_clock import WalkClock
from agent.survey.words import say
from agent.survey_screen import LiveScreen
from agent.terminal import Screen
from agent.wire.results import Radio

DONE: Final = 0
COULD_NOT_MEASURE: Final = 4
TEST_BYTES: Final = 20_000_000
_REDRAW_S: Final = 1.0
_BUSY_S: Final = 3.0
_MAX_AGE: Final = "10"
_WAIT_S: Final = (2.0, 6.0)
"""For a fix: receivers give one a second, so less would miss some; more would hold the walk up where there is none."""
_STDIN: Final = 0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def survey(args: argparse.Namespace, config: AgentConfig) -> int:
    """Walk until a signal or `q`, then hand in what was recorded; gives the exit code.

    Raises:
        UsageError: an argument or the data folder cannot be used.
        SpoolError: another survey runs here, or the disk refuses from the beginning.
    """
    identity = read_identity(machine_id_file=Path(config.agent.machine_id_file))
    sender = Sender(config, SystemClock(), identity, CONNECT_S if args.upload else SHORT_S)
    outing = None if args.upload else _Outing(args, sender)
    stop, gone = asyncio.Event(), asyncio.Event()
    with _signals(stop, gone):
        code = DONE if outing is None else await outing.walk(stop)
        rows = [] if outing is None else outing.rows()
        if not args.keep and not gone.is_set():
            stop.clear()
            rows += await _hand_in(sender, stop)
    with suppress(OSError):  # nobody looks any more
        Screen(os.environ).table(say("survey", Screen(os.environ).tongue), rows)
    return code


class _Outing:
    """A walk with everything around it: notebook, terminal, keys."""

    def __init__(self, args: argparse.Namespace, sender: Sender) -> None:
        config, clock = sender.config, WalkClock(SystemClock())
        route = read(args.route) if args.route is not None else Route()
        plan = Plan(
            radio_probe.planned(Task("", options=radio_options(args, config))),
            args.every,
            speed_order(args, config) if args.throughput else None,
            args.still,
        )
        name = walk_id(clock.now(), os.urandom(2))
        self._walk = Walk(name, config.agent.id, args.environment, route, tests=plan.test is not None)
        self._notebook = Notebook(sender.folder, identity=sender.identity, clock=clock)
        self._clock = clock
        self._session = Session(plan, self._walk, self._notebook, clock)
        self._live = LiveScreen(os.environ)
        self._began = self._ended = clock.monotonic()
        self._changed = asyncio.Event()
        self._told: set[str] = set()

    async def walk(self, stop: asyncio.Event) -> int:
        """Record until told to stop; gives the exit code."""
        await self._open()
        self._began = self._clock.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._session.run(), name="survey")]
                tasks.append(group.create_task(self._show(stop), name="survey-screen"))
                await stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._ended = self._clock.monotonic()
            await asyncio.to_thread(self._notebook.close)
        return DONE if self._walk.tally.samples else COULD_NOT_MEASURE

    def rows(self) -> list[Row]:
        """Say what the walk found."""
        return summary_rows(self._walk, Screen(os.environ).tongue, elapsed_s=self._ended - self._began)

    async def _open(self) -> None:
        """Open the notebook; the service may just be reading it, which takes a moment."""
        until = self._clock.monotonic() + _BUSY_S
        while True:
            try:
                return await asyncio.to_thread(self._notebook.open)
            except SpoolError as error:
                busy = isinstance(error.__cause__, SpoolError)
                if not busy or self._clock.monotonic() > until:
                    raise
            await asyncio.sleep(0.1)

    async def _show(self, stop: asyncio.Event) -> None:
        """Draw, or print a line a sample where nothing can be drawn on; a terminal that is gone ends the walk."""
        try:
            if self._live.is_live:
                with self._live.taken(), keys.heard(_STDIN, self._keys(stop)):
                    await self._draw()
            else:
                self._session.listeners = Listeners(self._print_sample, self._print_notes)
                await asyncio.Event().wait()
        except OSError:
            stop.set()

    def _keys(self, stop: asyncio.Event) -> dict[str, Callable[[], None]]:
        return {"q": stop.set, "t": self._session.ask_test}

    async def _draw(self) -> None:
        self._session.listeners = Listeners(change=self._changed.set)
        while True:
            self._live.draw(frame(self._walk, self._live.pane, elapsed_s=self._clock.monotonic() - self._began))
            with suppress(TimeoutError):
                async with asyncio.timeout(_REDRAW_S):
                    await self._changed.wait()
            self._changed.clear()

    def _print_sample(self, radio: Radio, at: datetime | None) -> None:
        sys.stdout.write(sample_line(self._walk, radio, at, self._live.pane.tongue) + "\n")
        sys.stdout.flush()

    def _print_notes(self) -> None:
        """Say what is wrong, once each time it begins."""
        found = notes(self._walk, self._live.pane.tongue)
        for note in found:
            if note not in self._told:
                sys.stderr.write(f"linkgauge-agent survey: {note}\n")
        self._told = set(found)


def radio_options(args: argparse.Namespace, config: AgentConfig) -> dict[str, str]:
    """Choose the options of the probe `radio`: the arguments', else those of [schedule.radio], made fit for walking.

    Positions come from gpsd if one is named, else from the modem's own receiver.
    """
    options = dict(config.schedule.radio.options)
    options |= {
        name: value for name in ("modem", "device", "gpsd", "bus") if (value := getattr(args, name)) is not None
    }
    if args.device is None and (args.modem is not None or args.bus is not None):
        options.pop("device", None)
    if "device" in options:
        for name in ("modem", "bus", "gnss"):
            options.pop(name, None)
    elif "gpsd" in options:
        options.pop("gnss", None)
    else:
        options["gnss"] = "true"
    options["wait"] = f"{min(_WAIT_S[1], max(_WAIT_S[0], args.every)):g}"
    options["rate"] = str(min(60, max(1, round(args.every))))
    return {"max_age": _MAX_AGE} | options


def speed_order(args: argparse.Namespace, config: AgentConfig) -> Order:
    """Say what a speed test at a stop is: small, because the line on the way is paid by the byte."""
    settings = config.schedule.throughput
    peer = args.peer or settings.peer or peer_for("throughput", config.peer.urls)
    task = Task(
        peer=peer,
        family=family_of(settings.family),
        max_bytes=args.max_bytes or TEST_BYTES,
        max_seconds=settings.max_seconds,
        options=options_for("throughput", settings, config.peer, url=peer),
    )
    return Order("throughput", task, settings.deadline_s)


async def _hand_in(sender: Sender, stop: asyncio.Event) -> list[Row]:
    tongue = Screen(os.environ).tongue
    url = sender.config.broker.url

    said = False

    def left(count: int) -> None:
        """Count down on a terminal; elsewhere say it once."""
        nonlocal said
        text, again = say("uploading", tongue).format(count, url), sys.stderr.isatty()
        with suppress(OSError):  # nobody looks any more
            if again or not said:
                sys.stderr.write(f"\r{text[: get_terminal_size().columns - 1]}\x1b[K" if again else f"{text}\n")
                sys.stderr.flush()
        said = True

    delivery = await hand_in(sender, left=left, stop=stop)
    with suppress(OSError):
        sys.stderr.write("\r\x1b[K" if said and sys.stderr.isatty() else "")
    return [Row(say("delivery", tongue), _delivered(delivery, tongue))]


def _delivered(delivery: Delivery, tongue: Any) -> str:  # noqa: ANN401 - a language
    words = say(f"delivery:{delivery.ending}", tongue)
    if delivery.ending == "trouble":
        return words.format(delivery.why)
    why = f" ({delivery.why})" if delivery.ending == "later" and delivery.why else ""
    return words.format(delivery.waiting) + why


@contextmanager
def _signals(stop: asyncio.Event, gone: asyncio.Event) -> Iterator[None]:
    """Stop at a signal; a terminal that hangs up takes nobody along who could still be told anything."""
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        gone.set()
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, hang_up if number == signal.SIGHUP else stop.set)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
