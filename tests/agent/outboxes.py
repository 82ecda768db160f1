"""An outbox, a spool in memory, and the way the uplink drives the two."""

import math
from collections.abc import Callable, Iterable

from agent.outbox import Outbox, Parcel, Rules, Slip

RULES = Rules(batch_s=0, slow_window_bytes=262144)
Never = math.inf


class Shelf:
    """A spool in memory: what has no receipt, by place."""

    def __init__(self, sizes: Iterable[int] = (), epoch: str = "e") -> None:
        self.waiting = {place: Slip(place, epoch, place, size) for place, size in enumerate(sizes, 1)}
        self.all = dict(self.waiting)

    def page(self, after: int, limit: int) -> list[Slip]:
        return [self.waiting[place] for place in sorted(self.waiting) if place > after][:limit]


def outbox(rules: Rules = RULES, random: Callable[[], float] = lambda: 0.5) -> Outbox:
    box = Outbox(rules, random)
    box.connected(0)
    return box


def drive(box: Outbox, shelf: Shelf, now: float) -> list[Parcel]:
    """What the uplink does: fill, take, fill, take."""
    parcels: list[Parcel] = []
    while True:
        while wanted := box.wanted(now):
            box.offer(shelf.page(box.cursor, wanted), wanted, now)
        parcel = box.next(now)
        if parcel is None:
            return parcels
        parcels.append(parcel)
