"""`python -m tests.netlab.ipv6 SCENARIO [-- COMMAND]`: a command, or a shell, at a site whose IPv6 has a fault.

Without arguments: the list of scenarios. Exits as the command does. In the command, PEER stands for the scenario's
peer: `... -- .venv/bin/python -m agent probe ipv6 --peer msak+ws://PEER:8080`.
"""

import argparse
import os
import signal
import sys

from tests.netlab.ipv6_network import network
from tests.netlab.ipv6_scenarios import SCENARIOS
from tests.netlab.namespace import environment

# A shell says it so of a command that a signal ended.
SIGNALLED = 128


def main() -> None:
    """Read the arguments, build the network, put the fault, run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.netlab.ipv6", description="A command at a site with a fault."
    )
    parser.add_argument("scenario", nargs="?", choices=SCENARIOS, metavar="SCENARIO", help="none: list them")
    parser.add_argument("command", nargs="*", help="what to run there (default: a shell); PEER is the peer's name")
    given = parser.parse_args()
    if given.scenario is None:
        for name, scenario in SCENARIOS.items():
            print(f"{name:27} {scenario.about.splitlines()[0]}  PEER: {scenario.peer}")  # noqa: T201 - a command's word
        return
    if os.geteuid() != 0:
        parser.exit(2, "netlab: network namespaces need root: run this with sudo\n")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda code, _: sys.exit(SIGNALLED + code))
    # A Ctrl-C is the command's to answer; what it does not catch, ends it, and us.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = _run(given.scenario, given.command)
    except RuntimeError as error:
        parser.exit(1, f"netlab: {error}\n")
    sys.exit(code if code >= 0 else SIGNALLED - code)


def _run(name: str, command: list[str]) -> int:
    scenario = SCENARIOS[name]
    words = [word.replace("PEER", scenario.peer) for word in command] or ["bash", "--norc", "-i"]
    with network() as net, scenario.placed(net):
        # What a probe remembers for the next run (a portal, for one) is of this site alone.
        own = {"XDG_STATE_HOME": str(net.folder / "state"), "PS1": f"{name}$ ", "PEER": scenario.peer}
        return net.client.popen(words, cwd=None, env={**environment(), **own}).wait()


if __name__ == "__main__":
    main()
