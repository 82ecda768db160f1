"""Runs that never were, for the tests of what is made of runs."""

from msgspec.structs import replace as changed

from tests.bench.store import Run, Side

GOOD = Side(
    mbps=98.4, low_mbps=98.0, high_mbps=98.9, truth_mbps=98.464, link_bytes=13_000_000, share=0.1, duration_s=1.2
)


def run(cell: str, *, tool: str = "own", repeat: int = 0, down: Side = GOOD, up: Side = GOOD, **rest: object) -> Run:
    made = Run(cell, tool, repeat, "2026-01-02T03:04:05+00:00", "abc", 4.5, sides={"down": down, "up": up})
    return changed(made, **rest)
