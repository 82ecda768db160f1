"""How long an import of many villages takes: `python -m tests.bench.villages`, `--villages N`. Goal: 100,000 in 10 s.

Invented villages in today's communes, half of them with the commune's name and half with its code, imported by the
command itself into an empty registry: new, again unchanged, and with every name changed; and what a wholly wrong file
costs. Exit code 1 if a goal is missed.
"""

import argparse
import contextlib
import gc
import io
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from collector.__main__ import main as collector
from collector.places.catalogue import catalogue
from collector.places.villages_sheet import COLUMNS
from collector.registry.sheet_file import write_lines
from tests.bench.machine import machine

GOAL_S: Final = 10.0
_SHEET: Final = "unchanged, XLSX"
"""Most of it is the library that reads spreadsheets; no goal is set for it."""
_MET: Final = {True: "met", False: "missed"}


def rows(count: int, *, suffix: str = "", wrong: str = "") -> Iterator[Sequence[str]]:
    """A table of `count` villages; `suffix`: to their names; `wrong`: to their communes."""
    dice = Random(1)  # noqa: S311 - repeatable on purpose
    communes = [unit for unit in catalogue() if unit.level == "commune"]
    yield COLUMNS
    for number in range(count):
        round_, place = divmod(number, len(communes))
        commune = communes[place]
        named = commune.title if number % 2 and not commune.code[-1].isdigit() else commune.code
        position = (f"{dice.uniform(8.5, 23):.5f}", f"{dice.uniform(102.5, 109):.5f}")
        people = dice.randint(100, 900)
        name = f"Thôn Số {number}{suffix}"
        counts = (str(people), str(people // 4))
        yield f"thon-{round_}", name, f"{named}{wrong}", commune.parent or "", *position, *counts, "", ""


def timed(file: Path, registry: str) -> tuple[int, float, float]:
    """Import a file: exit code, seconds on the clock and of the processor."""
    wall, busy = time.monotonic(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = collector(["village", "import", str(file), "--registry", registry])
    return code, time.monotonic() - wall, time.process_time() - busy


def main() -> int:
    """Write the files, import them, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--villages", type=int, default=100_000)
    count: int = parser.parse_args().villages
    sys.stdout.write(
        f"{machine()}; {count} villages\n\n| import | s | processor, s | goal |\n| --- | ---: | ---: | --- |\n"
    )
    missed = False
    with TemporaryDirectory() as name:
        folder = Path(name)
        steps = {
            "new.csv": ("new, CSV", rows(count), 0),
            "same.csv": ("unchanged, CSV", rows(count), 0),
            "changed.csv": ("every one changed, CSV", rows(count, suffix=" mới"), 0),
            "changed.xlsx": (_SHEET, rows(count, suffix=" mới"), 0),
            "wrong.csv": ("every commune unknown, CSV", rows(count, wrong=" x"), 2),
        }
        for file, (what, table, expected) in steps.items():
            write_lines(folder / file, table, title="villages")
            gc.collect()
            code, wall, busy = timed(folder / file, f"sqlite://{folder}/registry.db")
            missed |= code != expected or (what != _SHEET and wall > GOAL_S)
            said = f"exit code {code}" if code != expected else "no goal" if what == _SHEET else _MET[wall <= GOAL_S]
            sys.stdout.write(f"| {what} | {wall:.1f} | {busy:.1f} | {said} |\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
