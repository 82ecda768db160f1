"""The program that `agent.speed.ookla` starts: speedtest-cli's own library, one step, in a process that may be killed.

It says what happens in lines of JSON on its standard output and imports nothing of the agent:

    find [ID]               the server with this id, or the nearest by its own ping      {"server": {...}}
    download|upload S JSON  load with this server, at most S seconds                      {"begun": true}, {"figure": …}
    anything that failed                                                                  {"failed": kind, "words": …}
"""

import importlib
import json
import sys
from typing import Any, Final

# Half of one failed ping in three: it counts an hour for each.
_DEAD_MS: Final = 600_000


def say(**words: object) -> None:
    """One line, at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def alive(best: dict[str, Any]) -> dict[str, Any]:
    """The server, unless it did not answer: to the library it is then an hour away."""
    if float(best.get("latency", _DEAD_MS)) >= _DEAD_MS:
        raise TimeoutError("the server does not answer")
    return best


def find(cli: Any, wanted: list[str]) -> None:  # noqa: ANN401 - a library without types, in this process only
    """Choose a server."""
    test = cli.Speedtest(secure=True)
    test.get_servers(wanted)
    say(server=alive(test.get_best_server()))


def load(cli: Any, way: str, seconds: int, server: dict[str, str]) -> None:  # noqa: ANN401 - as above
    """Move load one way, for no longer than the service itself would."""
    test = cli.Speedtest(secure=True)
    alive(test.get_best_server([server]))
    length = test.config["length"]
    length[way] = min(length[way], seconds)
    say(begun=True)
    if way == "download":
        figure, moved = test.download(), test.results.bytes_received
    else:
        # Bodies are made when they are needed: all of them beforehand would be 150 MB.
        figure, moved = test.upload(pre_allocate=False), test.results.bytes_sent
    say(figure=figure, moved=moved)


def main(words: list[str]) -> int:
    """Do one step; 1 if it failed."""
    cli = importlib.import_module("speedtest")
    try:
        if words[0] == "find":
            find(cli, words[1:])
        else:
            load(cli, words[0], int(words[1]), json.loads(words[2]))
    except (cli.SpeedtestException, OSError, MemoryError) as error:
        say(failed=type(error).__name__, words=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
