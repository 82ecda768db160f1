"""One recorded direction: what the estimator sees, and the truth it is held against. Files of JSON, gzipped."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from agent.speed.estimate import Sample

FOLDER: Final = Path(__file__).with_name("traces")


@dataclass(frozen=True, slots=True)
class Recording:
    """A full-length run. `truth_mbps`: what the link could carry of TCP payload (None: no single answer).

    `rows`: seconds, bytes arrived, bytes in order, smoothed round trip (µs) of the sender,
    bytes retransmitted, round trip (µs) as the receiver's kernel sees it; None where unknown.
    """

    name: str
    way: str
    streams: int
    truth_mbps: float | None
    idle_rtt_us: float | None
    rows: list[tuple[float, int, int, float | None, float | None, float | None]]

    @property
    def arrived(self) -> list[Sample]:
        """Samples of everything that has crossed, holes or not."""
        return (
            [Sample(at_s, arrived, own or said, again) for at_s, arrived, _, said, again, own in self.rows]
            if self.way == "download"
            else [Sample(at_s, arrived, rtt, again) for at_s, arrived, _, rtt, again, _ in self.rows]
        )

    @property
    def in_order(self) -> list[Sample]:
        """Samples of what an application could have read."""
        return [Sample(at_s, in_order, rtt, again) for at_s, _, in_order, rtt, again, _ in self.rows]

    def save(self, folder: Path = FOLDER) -> Path:
        """Write it under its name."""
        path = folder / f"{self.name}-{self.way}.json.gz"
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed:
            packed.write(json.dumps(asdict(self), separators=(",", ":")).encode())
        return path


def recordings(folder: Path = FOLDER) -> Iterator[Recording]:
    """All that are in the folder, by name."""
    for path in sorted(folder.glob("*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        yield Recording(**{**document, "rows": [tuple(row) for row in document["rows"]]})
