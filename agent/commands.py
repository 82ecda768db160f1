"""What each command of `linkgauge-agent` does, once its arguments are read. Each imports what only it needs."""

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.config import DEFAULT_PATH, AgentConfig, KindSettings, ScheduleSettings, read
from agent.errors import UsageError
from agent.net.peer_url import parse as parse_peer
from agent.wire.failure import Stage

if TYPE_CHECKING:
    from agent.measure import Order
    from agent.status import Report
    from agent.wire.report import Measurement

DONE: Final = 0
NETWORK_FAILED: Final = 3
COULD_NOT_MEASURE: Final = 4
GRACE_S: Final = 15.0
LEAVE_S: Final = 1.0
_LOG = logging.getLogger("linkgauge.commands")


def run(path: Path, *, debug: bool) -> int:
    """Run the service until a signal ends it."""
    from agent.clock import SystemClock
    from agent.service import Surroundings, serve
    from agent.systemd import Notifier

    _log(debug=debug)
    around = Surroundings(
        clock=SystemClock(), notifier=Notifier(os.environ), reread=lambda: _read(path), check_peer=parse_peer
    )
    asyncio.run(serve(_read(path), around))
    return DONE


def _period(seconds: float) -> str:
    """A rhythm as people say it: 4 h, 15 min, 7 s."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def check_config(path: Path) -> int:
    """Say that a configuration is good; raises UsageError if it is not."""
    from agent.inspection import inspect

    config = _read(path)
    try:
        notes = inspect(config)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    kinds = ", ".join(f"{kind} every {_period(settings.every_s)}" for kind, settings in config.schedule.kinds().items())
    sys.stdout.write(f"{path}: good; agent {config.agent.id}, broker {config.broker.url}, {kinds or 'no schedule'}\n")
    for note in notes:
        sys.stderr.write(f"linkgauge-agent check-config: note: {note}\n")
    return DONE


def explain(kind: str) -> int:
    """Tell what one kind of probe does and which options it has."""
    from importlib import import_module

    from agent.probes import PROBES

    if kind not in PROBES:
        raise UsageError(f'no probe is called "{kind}"; there are {", ".join(PROBES)}')
    sys.stdout.write((import_module(f"agent.probes.{kind}").__doc__ or "").strip() + "\n")
    return DONE


def list_probes(args: argparse.Namespace) -> int:
    """Name the kinds of probes, whether each can run on this device, and what it could not check."""
    from agent.abilities import abilities
    from agent.box import look
    from agent.probes import PROBES
    from agent.words import language

    box = look(notes_folder(_perhaps(args), os.environ))
    found = abilities(box, tuple(PROBES), "en" if args.json else language(os.environ))
    if args.json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        from agent.terminal import Screen

        Screen(os.environ).show_abilities(found)
    return DONE


def probe(args: argparse.Namespace) -> int:
    """Measure once and show what came of it."""
    from agent.clock import SystemClock
    from agent.measure import Device
    from agent.probes import PROBES

    _log(debug=args.debug, level=logging.WARNING)
    if args.kind is None:
        raise UsageError(f"name what to measure: {', '.join(PROBES)}; for example: linkgauge-agent probe latency")
    if args.kind not in PROBES:
        raise UsageError(f'no probe is called "{args.kind}"; there are {", ".join(PROBES)}')
    config = _perhaps(args)
    order = order_of(args, config)
    device = Device(
        config.agent.id if config else host_id(socket.gethostname()),
        SystemClock(),
        PROBES,
        folder=notes_folder(config, os.environ),
    )
    return asyncio.run(_measure_once(order, device, as_json=args.json))


def notes_folder(config: AgentConfig | None, environment: Mapping[str, str]) -> Path | None:
    """Choose where small facts are kept between runs by hand; None if nowhere can be written.

    The service's own data folder if this user may write there, else the user's folder for state (XDG, else ~/.local).
    """
    if config is not None and os.access(config.agent.data, os.W_OK | os.X_OK):
        return Path(config.agent.data)
    states = [Path(environment.get("XDG_STATE_HOME", "")), Path(environment.get("HOME", "")) / ".local" / "state"]
    folder = next((state / "linkgauge" for state in states if state.is_absolute()), None)
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


async def _measure_once(order: "Order", device: Any, *, as_json: bool) -> int:  # noqa: ANN401 - Device is not imported here
    from dataclasses import replace

    from agent.measure import measure
    from agent.wire.codec import encode

    loop = asyncio.get_running_loop()
    _LOG.debug("event=measuring kind=%s task=%s deadline_s=%g", order.kind, order.task, order.deadline_s)
    code = 1
    try:
        if as_json:
            made = await measure(order, device)
            sys.stdout.write(encode(made).decode() + "\n")
        else:
            from agent.terminal import Screen

            screen = Screen(os.environ)
            with held_back():
                with screen.watch(order.kind) as progress:
                    made = await measure(replace(order, task=replace(order.task, progress=progress)), device)
                screen.show(made)
        code = exit_code(made)
    finally:
        # A thread that waits for a dead resolver must not keep the prompt from coming back.
        loop.call_later(LEAVE_S, _leave, code)
    return code


class _Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Log only afterwards, under the card: in the middle of the live line a warning would break it. Not for --debug."""
    root = logging.getLogger()
    if root.level <= logging.DEBUG:
        yield
        return
    handlers, kept = root.handlers, _Kept()
    root.handlers = [kept]
    try:
        yield
    finally:
        root.handlers = handlers
        sys.stdout.flush()
        for record in kept.records:
            root.handle(record)


def _leave(code: int) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def exit_code(measurement: "Measurement[Any]") -> int:
    """0 if all went well, 3 if the network failed in any part, 4 if the device could not measure."""
    from agent.measure import failures
    from agent.wire.dns import Dns
    from agent.wire.results import Ipv6, Latency
    from agent.wire.web import Web

    failed = failures(measurement)
    if failed and all(failure.stage == Stage.DEVICE for failure in failed):
        return COULD_NOT_MEASURE
    result = measurement.result
    nothing_came = isinstance(result, Latency) and result.received == 0
    no_way = isinstance(result, Ipv6) and result.status in {"broken", "none"}
    no_names = isinstance(result, Dns) and 0 in {result.answered, result.resolved}
    no_page = isinstance(result, Web) and result.ok == 0
    return NETWORK_FAILED if failed or nothing_came or no_way or no_names or no_page else DONE


def order_of(args: argparse.Namespace, config: AgentConfig | None) -> "Order":
    """Read what to measure from the arguments; what they leave open comes from the configuration."""
    from agent.measure import Order
    from agent.peers import NO_PEER, options_for, peer_for
    from agent.probes.probe import Task, family_of

    given = options_of(args.option, args.rest)
    settings: KindSettings = getattr(config.schedule if config else ScheduleSettings(), args.kind)
    urls = config.peer.urls if config else []
    if args.peer is None and not urls and args.kind not in NO_PEER:
        raise UsageError("no peer; name one with --peer URL, or a configuration with --config FILE")
    peer = "" if args.kind in NO_PEER else args.peer or settings.peer or peer_for(args.kind, urls)
    if peer:
        parse_peer(peer)
    options = options_for(args.kind, settings, config.peer, url=peer) if config else settings.options
    task = Task(
        peer=peer,
        family=family_of(args.family),
        max_bytes=args.max_bytes or settings.max_bytes,
        max_seconds=args.max_seconds or settings.max_seconds,
        options=options | given,
    )
    # A kind may spend its seconds once for each direction.
    needed_s = max(2 * (args.max_seconds or 0), _rhythm_s(task.options, peer) if args.kind == "latency" else 0)
    return Order(args.kind, task, max(settings.deadline_s, needed_s + GRACE_S))


def _rhythm_s(options: dict[str, str], peer: str) -> float:
    """Say how long packets sent in the rhythm that was asked for take: who asks for more of them means it."""
    from agent.probes import latency

    return latency.planned(options, parse_peer(peer)).seconds


def options_of(pairs: list[str], rest: list[str]) -> dict[str, str]:
    """Read a kind's own options: `--option K=V`, and any other `--K V` or `--K=V`; raises UsageError."""
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--option {pair}: write it as NAME=VALUE")
        options[name.replace("-", "_")] = value
    words = list(rest)
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise UsageError(f"unknown argument {word}; see linkgauge-agent probe --help")
        if not equals and (not words or words[0].startswith("--")):
            raise UsageError(f"{word}: a value is missing; write {word} VALUE")
        options[name.replace("-", "_")] = value if equals else words.pop(0)
    return options


def host_id(name: str) -> str:
    """Make an agent id of a host name, for a measurement without a configuration."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-")
    return plain if plain and plain != "collector" else "agent"


def peer(args: argparse.Namespace) -> int:
    """Be the far end until a signal ends it."""
    from agent.peer.service import PeerSettings, serve
    from agent.systemd import Notifier

    _log(debug=args.debug)
    notifier = Notifier(os.environ)
    given: dict[str, Any] = {
        "cert": args.cert,
        "key": args.key,
        "hmac_key": args.hmac_key,
        "pace_mbps": args.pace,
    }
    if args.listen or args.listen_tls or args.stamp:
        given |= {"listen": args.listen or (), "listen_tls": args.listen_tls or (), "stamp": args.stamp}
    if args.max_tests:
        given["max_tests"] = args.max_tests

    def ready(addresses: Mapping[str, tuple[str, int]]) -> None:
        for name, (host, port) in addresses.items():
            sys.stdout.write(f"listening {name} {f'[{host}]' if ':' in host else host}:{port}\n")
        sys.stdout.flush()
        notifier.ready()

    return asyncio.run(_until_signal(serve(PeerSettings(**given), ready=ready)))


def survey(args: argparse.Namespace) -> int:
    """Record the modem's levels with their places while somebody walks."""
    from agent.survey_command import survey

    _log(debug=args.debug, level=logging.ERROR)
    config = _read(Path(args.config))
    with held_back():
        return asyncio.run(survey(args, config))


async def _until_signal(work: Coroutine[Any, Any, None]) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name="peer")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await stopped.wait()
        task.cancel()
    return DONE


def status(path: Path, *, as_json: bool) -> int:
    """Show what the running service last said; exit code 1 if it does not run."""
    import msgspec

    from agent.status import is_alive
    from agent.status import read as read_status

    report = read_status(Path(_read(path).agent.data))
    alive = report.status.state == "online" and is_alive(report)
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _show_status(report, alive=alive)
    return DONE if alive else 1


def _show_status(report: "Report", *, alive: bool) -> None:
    from agent.terminal import Screen

    Screen(os.environ).show_status(report, alive=alive)


def _read(path: Path) -> AgentConfig:
    return read(path, os.environ, check_peer=parse_peer)


def _perhaps(args: argparse.Namespace) -> AgentConfig | None:
    """Read the configuration if one is named, or needed and there."""
    if args.config is not None:
        return _read(Path(args.config))
    if not os.access(DEFAULT_PATH, os.R_OK):
        return None
    try:
        return _read(DEFAULT_PATH)
    except UsageError:
        if args.peer is None:
            raise
        return None


def _log(*, debug: bool, level: int = logging.INFO) -> None:
    """Log to stderr, one line an event; the journal adds the time itself."""
    stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(
        level=logging.DEBUG if debug else level,
        format=stamp + "%(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
    if not debug:
        logging.getLogger("asyncio").setLevel(logging.WARNING)
