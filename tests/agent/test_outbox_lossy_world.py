"""The outbox in worlds that lose, repeat, delay and restart: nothing too often, everything in the end."""

import itertools
from collections import defaultdict
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.outbox import Parcel, Rules, Slip
from tests.agent.outboxes import Never, Shelf, drive, outbox


class LossyWorld(RuleBasedStateMachine):
    """An uplink over a network that loses, repeats, delays and restarts, against a collector that may defer."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a reproducible world
        self.numbers = Rules(batch_s=0.1, window_reports=10, array_reports=4)
        self.shelf = Shelf()
        self.now = 0.0
        self.places = itertools.count(1)
        self.boots = itertools.count(1)
        self.start()

    def start(self) -> None:
        """A new process: all that the outbox knew is gone."""
        self.box = outbox(self.numbers, self.random.random)
        self.box.connected(self.now)
        self.unacked: list[Parcel] = []
        self.published: list[Parcel] = []
        self.acked_at: dict[int, float] = {}
        self.excused: set[int] = set()
        self.awaited: set[int] = set()

    def excuse_all(self) -> None:
        self.excused |= set(self.acked_at)
        self.acked_at.clear()

    @rule(count=st.integers(1, 9), size=st.integers(200, 65536))
    def put(self, count: int, size: int) -> None:
        for place in itertools.islice(self.places, count):
            self.shelf.waiting[place] = self.shelf.all[place] = Slip(place, f"e{place // 50}", place % 50 + 1, size)
        self.box.put()

    @rule()
    def pump(self) -> None:
        for parcel in drive(self.box, self.shelf, self.now):
            assert len(parcel.slips) <= self.numbers.array_reports
            assert parcel.size <= 256 * 1024
            for slip in parcel.slips:
                again_at = self.acked_at.pop(slip.place, None)
                assert again_at is None or self.now >= again_at + self.numbers.resend_first_s, "too often"
                assert slip.place not in self.awaited, "sent while its PUBACK is awaited"
                self.awaited.add(slip.place)
            self.unacked.append(parcel)
            self.published.append(parcel)

    @rule(data=st.data())
    @precondition(lambda self: self.unacked)
    def puback(self, data: st.DataObject) -> None:
        parcel = self.unacked.pop(data.draw(st.integers(0, len(self.unacked) - 1)))
        self.box.acked(parcel, self.now)
        for slip in parcel.slips:
            self.awaited.discard(slip.place)
            if slip.place not in self.excused:
                self.acked_at[slip.place] = self.now
        self.excused -= {slip.place for slip in parcel.slips}

    @rule(data=st.data(), verdict=st.sampled_from(["stored", "stored", "lost", "bad_time", "unknown_agent"]))
    @precondition(lambda self: self.published)
    def answer(self, data: st.DataObject, verdict: str) -> None:
        parcel = data.draw(st.sampled_from(self.published))
        by_epoch = defaultdict(list)
        for slip in parcel.slips:
            by_epoch[slip.epoch].append(slip)
        for epoch, slips in by_epoch.items():
            if verdict == "stored":
                for slip in slips:
                    self.shelf.waiting.pop(slip.place, None)
                self.box.stored(epoch, [(slip.seq, slip.seq) for slip in slips])
            elif verdict != "lost":
                self.box.deferred(epoch, {slip.seq: verdict for slip in slips}, self.now)
            for slip in slips:  # after a word from the collector the resend timer is not what counts
                self.acked_at.pop(slip.place, None)
                self.awaited.discard(slip.place)

    @rule(seconds=st.sampled_from([0.05, 1.0, 59.0, 61.0, 700.0, 5000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def reconnect(self) -> None:
        self.box.disconnected()
        self.box.connected(self.now)
        self.unacked.clear()
        self.awaited.clear()
        self.excuse_all()

    @rule()
    def restart(self) -> None:
        self.start()

    @rule(new=st.booleans())
    def collector_boots(self, new: bool) -> None:  # noqa: FBT001 - drawn
        self.box.collector_boot(f"boot-{next(self.boots) if new else 0}", self.now)
        self.excuse_all()
        self.excused |= {slip.place for parcel in self.unacked for slip in parcel.slips}

    @rule(data=st.data())
    @precondition(lambda self: self.shelf.all)
    def ask_again(self, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, max(self.shelf.all)))
        last = data.draw(st.integers(first, max(self.shelf.all)))
        for place in range(first, last + 1):
            self.shelf.waiting[place] = self.shelf.all[place]
        self.box.resend([(first, last)], self.now)
        self.excuse_all()
        self.excused |= {slip.place for parcel in self.unacked for slip in parcel.slips}

    @invariant()
    def window_is_kept(self) -> None:
        if hasattr(self, "box"):
            assert self.box.in_flight <= self.numbers.window_reports
            assert self.box.in_flight_bytes <= self.numbers.window_bytes

    def teardown(self) -> None:
        """In the end, with a network that works, everything is receipted."""
        if not hasattr(self, "box"):
            return
        for _ in range(2000):
            for parcel in self.unacked:
                self.box.acked(parcel, self.now)
            self.unacked = drive(self.box, self.shelf, self.now)
            for slip in (slip for parcel in self.unacked for slip in parcel.slips):
                self.shelf.waiting.pop(slip.place, None)
                self.box.stored(slip.epoch, [(slip.seq, slip.seq)])
            if not self.shelf.waiting:
                break
            if not self.unacked:
                due = self.box.due(self.now)
                assert due != Never, f"never sent: {sorted(self.shelf.waiting)[:5]}"
                self.now = due
        assert not self.shelf.waiting


TestLossyWorld: Any = LossyWorld.TestCase
TestLossyWorld.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
