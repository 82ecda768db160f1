"""A rate that changes with time: lines of `ms,rate`, repeated for ever. Pure."""

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """For so many milliseconds the link carries so many Mbit/s of IP bytes; 0 is an outage."""

    ms: float
    rate_mbps: float


def parse(text: str) -> tuple[Step, ...]:
    """Read `ms,rate` lines (`#` begins a comment); ValueError names the line that is wrong."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            steps.append(_step(content, number))
    return checked(tuple(steps))


def read(path: Path) -> tuple[Step, ...]:
    """Read a trace file; ValueError says what is wrong with it."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ValueError(f"the trace {path} cannot be read: {error.strerror}") from error
    return parse(text)


def checked(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Give the steps back; ValueError if they never carry anything or a number makes no sense."""
    for step in steps:
        if not (math.isfinite(step.ms) and step.ms > 0):
            raise ValueError(f"a step of a trace must last longer than 0 ms, not {step.ms}")
        if not (math.isfinite(step.rate_mbps) and step.rate_mbps >= 0):
            raise ValueError(f"a rate in a trace must be 0 or more, not {step.rate_mbps}")
    if not any(step.rate_mbps for step in steps):
        raise ValueError("a trace needs at least one step with a rate above 0")
    return steps


def _step(content: str, number: int) -> Step:
    fields = content.split(",")
    try:
        ms, rate = (float(field) for field in fields)
    except ValueError as error:
        raise ValueError(f"line {number} of the trace is not `ms,rate`: {content}") from error
    return Step(ms, rate)
