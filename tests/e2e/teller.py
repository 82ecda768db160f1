"""The telling half of a collector as a process of its own, to be killed at any moment: `teller.py CONFIG`.

It tells `up` once it runs. Judging is not here: the test records transitions itself, in the same database.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from collector.config import read
from collector.metrics import Metrics, Readiness
from collector.registry.database import database_of
from collector.tell.telling import Telling


async def main(path: Path) -> None:
    config, metrics = read(path, {}), Metrics()
    database = database_of(config.registry)
    telling = Telling(
        database,
        config,
        lambda: datetime.now(UTC),
        metrics,
        Readiness(metrics, lambda _part, _why: None),
        last_pass=lambda: datetime.now(UTC),
    )
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await telling.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(main(Path(sys.argv[1])))
