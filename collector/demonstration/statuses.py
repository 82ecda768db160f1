"""What a made-up agent says of itself each minute. Pure."""

from datetime import datetime, timedelta
from random import Random

from agent.wire.control import Health, Status
from collector.demonstration.sites import DemoSite

_GB = 1_000_000_000
_SIM_BYTES = 10 * _GB
_A_DAY = 1_500_000
"""About what a day of speed tests moves, for each Mbit/s of both directions."""


def status_of(one: DemoSite, at: datetime, *, epoch: str | None = None, seq: int | None = None) -> Status:
    """Its word at a moment. `epoch`, `seq`: its newest report, where that is to be said."""
    chance = Random(one.number)  # noqa: S311 - made up
    age = timedelta(days=chance.uniform(1, 80)) + (at - at.replace(hour=0, minute=0, second=0, microsecond=0))
    return Status(
        state="online",
        software=one.software,
        profile="default-1",
        boot=f"{one.number:08x}",
        epoch=epoch,
        seq=seq,
        spooled=chance.choice((0, 0, 0, 0, 0, 0, 1, 3)) if one.story != "flaky" else 41,
        dropped=0,
        health=Health(
            disk_free_bytes=round(chance.uniform(0.4, 6) * _GB),
            clock_synchronized=True,  # as each of its reports says
            uptime_s=round(age.total_seconds()),
            load=round(chance.uniform(0.02, 0.5), 2),
            data_used_bytes=round(_bought(one) * _A_DAY * (at.day - 1 + at.hour / 24)),
            data_allowed_bytes=_SIM_BYTES if (one.site.access or "").startswith("cellular") else None,
        ),
    )


def _bought(one: DemoSite) -> float:
    return (one.site.contract_down_mbps or 0) + (one.site.contract_up_mbps or 0)
