"""Asking a running emulator for its counters, and changing it."""

import json
import socket
from pathlib import Path
from typing import Any, Literal

from tests.netlab.counts import Count, Counters, Moment, Ways
from tests.netlab.spec import LinkSpec

Way = Literal["down", "up"]


class Link:
    """The emulated link of a lab. Errors: OSError when the emulator is gone, ValueError for settings it refuses."""

    def __init__(self, path: Path, pid: int) -> None:
        self.pid = pid
        self._path = path

    def counters(self) -> Counters:
        """What the link carried until now."""
        return _counters(self._ask({"ask": "counters"}))

    def change(self, *, down: LinkSpec | None = None, up: LinkSpec | None = None) -> Counters:
        """Set a direction anew while it runs (its trace begins now); gives the counters of that moment."""
        specs = {way: spec.to_json() for way, spec in (("down", down), ("up", up)) if spec is not None}
        return _counters(self._ask({"ask": "change", **specs}))

    def history(self, way: Way) -> list[Moment]:
        """What was delivered until when, in steps of at least 10 ms, for the last 60,000 of them."""
        moments: list[Moment] = []
        while rows := self._ask({"ask": "history", "way": way, "start": len(moments)})["rows"]:
            moments += [Moment(*row) for row in rows]
        return moments

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(self._path))
            connection.sendall(json.dumps(request).encode())
            with connection.makefile("rb") as stream:
                line = stream.readline()
        if not line:
            raise OSError("the emulator ended before it answered")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def _counters(answer: dict[str, Any]) -> Counters:
    return Counters(answer["time"], answer["cpu_s"], _way(answer["down"]), _way(answer["up"]))


def _way(answer: dict[str, Any]) -> Ways:
    return Ways(**{**answer, "ipv4": Count(**answer["ipv4"]), "ipv6": Count(**answer["ipv6"])})
