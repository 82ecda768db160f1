"""`python -m tests.netlab`: a command, or a shell, behind an emulated line. Exits as the command does."""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import Final

from tests.netlab.arguments import parser, specs
from tests.netlab.counts import Counters
from tests.netlab.namespace import environment
from tests.netlab.topology import CONGESTION, Lab, LinkSpec, lab

LIVE_S: Final = 0.5
# A shell says it so of a command that a signal ended.
SIGNALLED: Final = 128
CLEAR: Final = "\r\x1b[K"


def main() -> None:
    """Read the arguments, build the network, run the command."""
    whole = parser()
    given = whole.parse_args()
    try:
        down, up = specs(given)
        server = _server(given.server)
    except (ValueError, argparse.ArgumentTypeError) as error:
        whole.error(str(error))
    if os.geteuid() != 0:
        whole.exit(2, "netlab: network namespaces need root: run this with sudo\n")
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    # A Ctrl-C is the command's to answer; what it does not catch, ends it, and us.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = _run(given, down, up, server)
    except RuntimeError as error:
        whole.exit(1, f"netlab: {error}\n")
    sys.exit(code)


def _server(text: str | None) -> list[str]:
    """The words of the server's command, none if there is to be none; ValueError if it cannot be run."""
    words = shlex.split(text or "")
    if text is not None and (not words or shutil.which(words[0]) is None):
        raise ValueError(f"--server: there is no program {words[0] if words else text!r}")
    return words


def _run(given: argparse.Namespace, down: LinkSpec, up: LinkSpec, server: list[str]) -> int:
    sysctls: dict[str, dict[str, str | int]] = {role: {CONGESTION: given.congestion} for role in ("client", "server")}
    with lab(down=down, up=up, seed=given.seed, sysctls=sysctls) as net:
        _say(f"netlab: the server is {net.address('ipv4')} and {net.address('ipv6')}")
        beyond = net.server.popen(server, cwd=None, stdout=sys.stderr, stdin=subprocess.DEVNULL) if server else None
        live = bool(given.command) and sys.stderr.isatty() and not given.quiet
        before = net.link.counters()
        process = net.client.popen(given.command or _shell(), cwd=None, env={**environment(), "PS1": "netlab$ "})
        code = _wait(process, net, live=live)
        if beyond is not None and beyond.poll():
            _say(f"netlab: the server had ended by then, with code {beyond.returncode}")
            code = code or 1
        _say(_summary(before, net.link.counters()))
    return code if code >= 0 else SIGNALLED - code


def _shell() -> list[str]:
    return ["bash", "--norc", "-i"] if sys.stdin.isatty() else ["sh"]


def _wait(process: subprocess.Popen[str], net: Lab, *, live: bool) -> int:
    before = net.link.counters()
    while True:
        try:
            return process.wait(timeout=LIVE_S if live else None)
        except subprocess.TimeoutExpired:
            after = net.link.counters()
            print(CLEAR + _line(before, after), end="", file=sys.stderr, flush=True)  # noqa: T201 - the live line
            before = after


def _line(before: Counters, after: Counters) -> str:
    seconds = after.time - before.time
    parts = []
    for way in ("down", "up"):
        now = getattr(after, way)
        passed = now.total - getattr(before, way).total
        parts.append(
            f"{way} {passed.bytes_delivered * 8e-6 / seconds:7.1f} Mbit/s ({now.waiting_bytes // 1000} kB waiting, "
            f"{passed.packets_dropped} dropped, {passed.packets_lost} lost)"
        )
    return f"{'  '.join(parts)}  emulator {(after.cpu_s - before.cpu_s) / seconds:.0%} of a core"


def _summary(before: Counters, after: Counters) -> str:
    parts = []
    for way in ("down", "up"):
        passed = getattr(after, way).total - getattr(before, way).total
        parts.append(
            f"{way} {passed.bytes_delivered / 1e6:.3f} MB in {passed.packets_delivered} packets "
            f"({passed.tcp_payload_bytes / 1e6:.3f} MB TCP payload, {passed.packets_dropped} packets dropped, "
            f"{passed.packets_lost} lost)"
        )
    return f"{CLEAR if sys.stderr.isatty() else ''}netlab: {after.time - before.time:.1f} s, {', '.join(parts)}"


def _end(number: int, _frame: object) -> None:
    sys.exit(SIGNALLED + number)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command's word


if __name__ == "__main__":
    main()
