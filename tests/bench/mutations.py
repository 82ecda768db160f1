"""Payloads that mean no good: the golden samples with parts bent, broken or beyond measure, and bytes of no sense.

Deterministic by seed. Reports that stay good have an id and a place of their own, so that each can be told apart.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

SAMPLES: Final = Path(__file__).parents[1] / "contract" / "samples" / "v1"
_DEEP: Final = "\u0001deep\u0001"  # replaced by nesting that no encoder writes
_WORST: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 0.0, -0.0, 1e308, 10**400, -(10**400), 2**63, 2**64, 5e-324, float("nan"), float("inf"),
    float("-inf"), "", " ", "\ud800", "\udfff\ud800", "\u0000", "\u202e", "x" * 5000, "NaN", "1", [], {}, [[]],
    [None] * 300, {"": {}}, {"a": [1, {"b": None}]}, _DEEP, "2023-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22T01:02:03.123456+23:59",
)  # fmt: skip
_KEYS: Final = ("v", "id", "epoch", "seq", "agent", "kind", "started", "result", "failure", "duration_s", "doubts")
_NAMES: Final = ("A B", "agent/extra", "ä", "-x", "collector", "x" * 64, "x" * 3000, "", "$x")


@dataclass
class Mutator:
    """Makes topics and payloads for ever. `agents` are known to the collector, `strangers` are not."""

    seed: int
    agents: tuple[str, ...]
    strangers: tuple[str, ...] = ("stranger-1", "stranger-2")
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - deterministic is what it shall be
        self._run = f"{self.seed:x}-{self._chance.getrandbits(32):08x}"
        self._seqs: dict[str, int] = {}
        self._reports = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("report-*.json"))]
        self._statuses = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("status-*.json"))]

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while True:
            yield self.message()

    def message(self) -> tuple[str, bytes]:
        """One topic and one payload."""
        chance = self._chance
        leaf = "status" if chance.random() < 0.1 else "report"
        agent = chance.choice(self.strangers if chance.random() < 0.03 else self.agents)
        payload = self._broken(self._elements(agent, leaf))
        if chance.random() < 0.02:
            agent = chance.choice(_NAMES)
        return f"linkgauge/v1/{agent}/{leaf}", payload

    def report(self, agent: str) -> dict[str, Any]:
        """One good report of this agent, out of the samples."""
        seq = self._seqs[agent] = self._seqs.get(agent, 0) + 1
        one: dict[str, Any] = deepcopy(self._chance.choice(self._reports))
        started = self.now - timedelta(seconds=86_400 * self._chance.random())
        own = {"id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)), "epoch": self._run, "seq": seq}
        return one | own | {"agent": agent, "started": f"{started:%Y-%m-%dT%H:%M:%S.%fZ}"}

    def _elements(self, agent: str, leaf: str) -> str:
        chance = self._chance
        if leaf == "status":
            return self._text(deepcopy(chance.choice(self._statuses)))
        if chance.random() < 0.8:
            return self._text(self.report(agent))
        count = chance.choice((0, 1, 2, 3, 5, 10, 50, 51))
        elements = [self._text(self.report(agent)) for _ in range(count)]
        if elements and chance.random() < 0.3:
            elements[chance.randrange(count)] = chance.choice(("null", "1", "[]", "{}", '"x"', elements[0], "[1"))
        return "[" + ",".join(elements) + "]"

    def _text(self, one: dict[str, Any]) -> str:
        """Write it, often with something in it bent."""
        chance = self._chance
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 4))):
            self._bend(one)
        text = json.dumps(one, ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.05:
            key, value = chance.choice(_KEYS), json.dumps(chance.choice(_WORST))
            text = f'{{"{key}":{value},{text[1:]}' if chance.random() < 0.5 else f'{text[:-1]},"{key}":{value}}}'
        return text.replace(json.dumps(_DEEP), chance.choice(("[", '{"a":')) * chance.choice((10, 1000, 20_000)))

    def _bend(self, one: dict[str, Any]) -> None:
        chance = self._chance
        place: Any = one
        while chance.random() < 0.7:
            inner = [value for value in place.values() if isinstance(value, dict) and value]
            if not inner:
                break
            place = chance.choice(inner)
        key = chance.choice(list(place) or ["new"])
        match chance.randrange(5):
            case 0:
                place.pop(key, None)
            case 1:
                place[f"{key}\u0000" if chance.random() < 0.1 else f"{key}_later"] = place.pop(key, None)
            case 2:
                place[chance.choice(_KEYS)] = deepcopy(chance.choice(_WORST))
            case _:
                place[key] = deepcopy(chance.choice(_WORST))

    def _broken(self, text: str) -> bytes:
        """Turn it into bytes, some of them wrong."""
        chance = self._chance
        data = text.encode("utf-8", "surrogatepass")
        if chance.random() < 0.75:
            return data
        way: Callable[[bytes], bytes] = chance.choice(
            (self._flipped, self._cut, self._noise, self._wrapped, self._wrapped, self._nested, self._long)
        )
        return way(data)

    def _flipped(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._chance.choice((1, 2, 10)) if changed else 0):
            changed[self._chance.randrange(len(changed))] = self._chance.randrange(256)
        return bytes(changed)

    def _cut(self, data: bytes) -> bytes:
        return data[: self._chance.randrange(len(data) + 1)]

    def _noise(self, _: bytes) -> bytes:
        return self._chance.randbytes(self._chance.choice((0, 1, 20, 1000)))

    def _wrapped(self, data: bytes) -> bytes:
        """Put something around it."""
        before, after = self._chance.choice(
            (
                (b"\xef\xbb\xbf", b""), (b" \r\n\t" * 100, b"\n" * 100), (b"", b"x"), (b"", data), (b"[", b"]"),
                (b"[", b""), (b"", b"\x00"), (b'"', b'"'), (b"\xff\xfe", b""), (b"[[", b"]]"), (b"//\n", b""),
            )
        )  # fmt: skip
        return before + data + after

    def _nested(self, _: bytes) -> bytes:
        return self._chance.choice((b"[", b'{"a":', b"[[],", b'[{"v":1,"result":')) * self._chance.choice((500, 30_000))

    def _long(self, data: bytes) -> bytes:
        """Above one of the limits, seldom far."""
        size = self._chance.choice((64, 64, 64, 64, 256, 256, 1024)) * 1024 + self._chance.choice((-2, 0, 1000))
        return data[:-1] + b',"later":"' + b"x" * max(0, size - len(data) - 11) + b'"' + data[-1:]
