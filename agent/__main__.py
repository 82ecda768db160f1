"""The command line `linkgauge-agent`. Nothing heavy is imported before a command needs it.

Exit codes: 0 done; 2 wrong usage or configuration; 3 measured, and the network failed, if only in one direction;
4 could not measure; 1 anything else.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

DONE: Final = 0
FAULT: Final = 1
CONFIG: Final = "/etc/linkgauge/agent.toml"
KINDS_OWN: Final = (
    "Options of throughput: --streams --early --full-every --metered --congestion --before-s --ca --insecure"
    " --rehearsal; of latency: --method --count --interval --timeout --size --port --hmac-key --profile --codec; of"
    " ipv6: --timeout --resolv-conf --dns-port. `probe KIND --list` explains them, and those of other kinds. Peers of"
    " throughput: msak+wss://H:P msak+ws://H:P ndt7+wss://H:P ndt7+ws://H:P librespeed+https://H"
    " librespeed+http://H iperf3://H:P mlab: ookla:"
)
EXITS: Final = (
    "Exit codes: 0 done; 2 wrong usage; 3 the network failed; 4 could not measure; 1 stopped, or anything else"
)
Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """argparse, but a fault is one plain line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and not getattr(args, "takes_more", False):
        parser.error(f"unknown argument {rest[0]}")
    args.rest = rest
    if not args.debug:
        sys.excepthook = _one_line
    return _guarded(args)


def _guarded(args: argparse.Namespace) -> int:
    """Run the command; its faults become one line and an exit code."""
    from agent.errors import AgentError

    command: Command = args.command
    try:
        return command(args)
    except AgentError as error:
        return _complain(args, error)
    except BaseExceptionGroup as group:
        named = _first(group, AgentError)
        if named is None:
            raise
        return _complain(args, named)
    except KeyboardInterrupt:
        sys.stderr.write(f"linkgauge-agent {args.name}: stopped\n")
        return FAULT
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT


def _first(group: BaseExceptionGroup, kind: type[Exception]) -> Exception | None:
    """Find the first error of a kind in what a task group wrapped."""
    for error in group.exceptions:
        found = _first(error, kind) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, kind):
            return found
    return None


def _complain(args: argparse.Namespace, error: Exception) -> int:
    if args.debug:
        raise error
    sys.stderr.write(f"linkgauge-agent {args.name}: {error}\n")
    code: int = getattr(error, "exit_code", FAULT)
    return code


def _one_line(kind: type[BaseException], error: BaseException, _: object) -> None:
    """What a fault of ours looks like without --debug."""
    sys.stderr.write(f"linkgauge-agent: a fault in this program: {kind.__name__}: {error}; --debug shows where\n")


def _run(args: argparse.Namespace) -> int:
    from agent.commands import run

    return run(Path(args.config), debug=args.debug)


def _probe(args: argparse.Namespace) -> int:
    from agent.commands import explain, list_probes, probe

    if not args.list:
        return probe(args)
    return explain(args.kind) if args.kind else list_probes(args)


def _peer(args: argparse.Namespace) -> int:
    from agent.commands import peer

    return peer(args)


def _survey(args: argparse.Namespace) -> int:
    from agent.commands import survey

    return survey(args)


def _simulate(args: argparse.Namespace) -> int:
    from agent.simulate.command import simulate

    return simulate(args)


def _status(args: argparse.Namespace) -> int:
    from agent.commands import status

    return status(Path(args.config), as_json=args.json)


def _check_config(args: argparse.Namespace) -> int:
    from agent.commands import check_config

    return check_config(Path(args.config))


def _parser() -> argparse.ArgumentParser:
    from agent import __version__

    parser = _Parser(
        prog="linkgauge-agent",
        description="Measures the line that this device sits on, and keeps every result until it is stored.",
        epilog="example: linkgauge-agent probe throughput --peer msak+wss://peer.example:4443",
    )
    parser.add_argument("--version", action="version", version=f"linkgauge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="name")
    _add_run(commands)
    _add_probe(commands)
    _add_peer(commands)
    _add_survey(commands)
    _add_status(commands)
    _add_check_config(commands)
    _add_simulate(commands)
    return parser


def _add(
    commands: "argparse._SubParsersAction[_Parser]", name: str, command: Command, *, about: str, example: str
) -> _Parser:
    parser: _Parser = commands.add_parser(
        name,
        help=about,
        description=about[:1].upper() + about[1:] + ".",
        epilog=f"example: linkgauge-agent {example}",
        allow_abbrev=False,
    )
    parser.add_argument("--debug", action="store_true", help="tell more, and where a fault came from")
    parser.set_defaults(command=command)
    return parser


def _add_config(parser: _Parser) -> None:
    parser.add_argument("--config", metavar="FILE", default=CONFIG, help=f"configuration (default {CONFIG})")


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "the service: measure on schedule and deliver the reports"
    parser = _add(commands, "run", _run, about=about, example="run --config /etc/linkgauge/agent.toml")
    _add_config(parser)


def _add_probe(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "measure once, now; nothing is kept or sent"
    parser = _add(commands, "probe", _probe, about=about, example="probe latency --peer stamp://192.0.2.7 --count 50")
    parser.set_defaults(takes_more=True)
    parser.epilog = f"{parser.epilog}. {KINDS_OWN}. {EXITS}"
    parser.add_argument("kind", metavar="KIND", nargs="?", help="what to measure; --list names the kinds")
    parser.add_argument(
        "--list", action="store_true", help="what can run on this box, and why not; with KIND: its options"
    )
    parser.add_argument("--peer", metavar="URL", help="the far end (default: from the configuration)")
    parser.add_argument("--family", choices=("4", "6", "auto"), default="auto", help="address family (default auto)")
    parser.add_argument(
        "--max-bytes", type=_number("bytes", 1024), metavar="N", help="budget of data; throughput: of each direction"
    )
    parser.add_argument(
        "--max-seconds", type=_seconds, metavar="S", help="budget of time; throughput: of each direction, at most 10"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    parser.add_argument("--option", action="append", default=[], metavar="K=V", help="KIND's own option; also --K V")
    parser.add_argument("--config", metavar="FILE", help=f"configuration (default {CONFIG}, if it is there)")


def _add_peer(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "the far end for other agents' tests; listens on what is named, by default on *:8080 and STAMP *:8862"
    parser = _add(commands, "peer", _peer, about=about, example="peer --listen 0.0.0.0:8080 --stamp 0.0.0.0:8862")
    place = "ADDR:PORT"
    parser.add_argument("--listen", action="append", metavar=place, help="plain tests here; may be given again")
    parser.add_argument("--listen-tls", action="append", metavar=place, help="tests over TLS here; needs --cert, --key")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key, PEM")
    parser.add_argument("--stamp", metavar=place, help="STAMP reflector here, over UDP")
    parser.add_argument("--hmac-key", type=Path, metavar="FILE", help="answer only STAMP packets signed with this key")
    parser.add_argument(
        "--max-tests", type=_number("tests", 1), metavar="N", help="tests at once; more are told to wait"
    )
    parser.add_argument(
        "--pace", type=float, metavar="MBIT", help="a rate for all tests together, each way, that is not exceeded"
    )


def _add_survey(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "record the mobile signal with its place, on foot or by car; works without a network, delivers later"
    parser = _add(commands, "survey", _survey, about=about, example="survey --route villages.csv --environment walking")
    parser.epilog = (
        f"{parser.epilog}; by car with a gpsd: survey --environment driving --every 1 --gpsd localhost; send later:"
        " survey --upload. It ends with q or Ctrl-C; every sample is on disk before the next one is taken."
    )
    _add_config(parser)
    parser.add_argument("--every", type=_seconds, default=3.0, metavar="S", help="seconds between samples (default 3)")
    parser.add_argument(
        "--route", type=Path, metavar="FILE", help="places to stop at: CSV name,latitude,longitude, or GPX"
    )
    parser.add_argument("--environment", choices=("walking", "driving", "indoor"), help="how; told in every sample")
    parser.add_argument("--modem", metavar="NAME", help="ModemManager's number, IMEI or port (default: the first)")
    parser.add_argument("--device", metavar="PATH", help="the modem's AT port instead, for example /dev/ttyUSB2")
    parser.add_argument(
        "--gpsd", metavar="HOST:PORT", nargs="?", const="localhost", help="position from a gpsd, not from the modem"
    )
    parser.add_argument("--bus", metavar="ADDRESS", help="another message bus than the system's")
    parser.add_argument("--throughput", action="store_true", help="speed tests at stops: key t, or when standing still")
    parser.add_argument("--still", type=_seconds, default=30.0, metavar="S", help="what counts as a stop (default 30)")
    parser.add_argument("--peer", metavar="URL", help="the far end of speed tests (default: from the configuration)")
    parser.add_argument(
        "--max-bytes", type=_number("bytes", 1024), metavar="N", help="budget of a speed test, each direction (20 MB)"
    )
    parser.add_argument("--keep", action="store_true", help="do not send at the end (a running service does)")
    parser.add_argument("--upload", action="store_true", help="do not record; send what is kept, and end")


def _add_status(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "what the running service does: queue, last reports, next runs, clock, version"
    parser = _add(commands, "status", _status, about=about, example="status --json")
    _add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


def _add_check_config(commands: "argparse._SubParsersAction[_Parser]") -> None:
    about = "read a configuration and say what is wrong with it"
    parser = _add(commands, "check-config", _check_config, about=about, example="check-config --config agent.toml")
    _add_config(parser)


def _add_simulate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    from agent.simulate.arguments import ABOUT, EXAMPLE, add_arguments

    add_arguments(_add(commands, "simulate", _simulate, about=ABOUT, example=EXAMPLE))


def _number(what: str, least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f'"{text}" is not a number of {what} from {least} up')
        return number

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:  # noqa: PLR2004 - a day
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of seconds above 0, at most a day')
    return seconds


if __name__ == "__main__":
    sys.exit(main())
