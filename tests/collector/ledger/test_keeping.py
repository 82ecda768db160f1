"""What the leader does with the ledger, on both databases: asks for gaps, works completeness out where needed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest

from agent.wire.control import Resend
from collector.config import parse
from collector.errors import StoreUnavailable
from collector.ledger.facts import Place
from collector.ledger.keeping import Keeping
from collector.store.store import Point
from tests.collector.ledger.pages import NOON, Desk, Paper, account, on_one_database, report

DAY = NOON.date()


@dataclass
class Lead:
    """A leader that remembers what it asked and wrote; its clocks are set by hand."""

    desk: Desk
    asked: list[tuple[str, Resend]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    newest: dict[str, tuple[str, int]] = field(default_factory=dict)
    now: datetime = NOON
    store_is_down: bool = False

    def __post_init__(self) -> None:
        settings = parse("", {}, name="test")
        self.keeping = Keeping(
            self.desk.registry,
            settings=lambda: settings,
            request=lambda agent, resend: self.asked.append((agent, resend)),
            write=self.write,
            newest=lambda: self.newest,
            now=lambda: self.now,
        )

    async def write(self, points: Sequence[Point]) -> None:
        if self.store_is_down:
            raise StoreUnavailable("down")
        self.points += points

    def ask(self, seconds: float) -> list[tuple[str, Resend]]:
        """Look as the loop does, at a moment of its own clock."""
        self.asked = self.keeping._due(self.newest, seconds)  # noqa: SLF001 - with a clock of the test's
        return self.asked

    async def days(self) -> dict[date, dict[str, float]]:
        """Work completeness out; gives the points that were written, by day."""
        self.points = []
        await self.keeping.complete()
        return {
            (datetime(1970, 1, 1) + timedelta(seconds=point.time_ns / 1e9)).date(): {  # noqa: DTZ001 - UTC
                name: value for name, value in point.fields.items() if isinstance(value, float)
            }
            for point in self.points
        }


@pytest.fixture
def desk(database_url: str) -> Desk:
    return Desk(database_url)


@asynccontextmanager
async def closing(desk: Desk) -> AsyncIterator[Desk]:
    try:
        yield desk
    finally:
        desk.close()


async def test_gaps_come_from_what_all_slots_have(desk: Desk, database_url: str) -> None:
    async with closing(desk), closing(Desk(database_url, Paper("2"))) as other:
        lead = Lead(desk)
        desk.take(report(1), report(4))
        desk.journal.flush()
        other.take(report(2), report(6))
        other.journal.flush()
        assert lead.ask(0) == []
        assert lead.ask(130) == [("a1", Resend("e1", [(3, 3), (5, 5)]))]
        assert lead.ask(131) == []
        other.take(report(3), report(5))
        other.journal.flush()
        assert lead.ask(1000) == []
        assert desk.rows("SELECT count(*) FROM ledger_asked") == [(0,)]


async def test_what_is_explained_is_not_asked_for(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk)
        desk.take(report(1), account(2, DAY, dropped=[(3, 3)]), report(8))
        desk.journal.rejected("a1", "e1", [4])
        desk.journal.deferred("a1", "e1", [5, 6])
        desk.journal.flush()
        lead.ask(0)
        assert lead.ask(130) == [("a1", Resend("e1", [(7, 7)]))]
        lead.now = NOON + timedelta(hours=2)  # the agent should have sent what was deferred again by now
        assert lead.ask(1000) == [("a1", Resend("e1", [(5, 7)]))]


@on_one_database
async def test_what_was_deferred_before_a_restart_may_be_lost_by_now(desk: Desk) -> None:
    """Stored after the backup from which archive and ledger were restored: its agent will not repeat it by itself."""
    async with closing(desk):
        desk.take(report(1), report(3))
        desk.journal.deferred("a1", "e1", [2])
        desk.journal.flush()
        lead = Lead(desk, now=NOON + timedelta(minutes=1))
        lead.ask(0)
        assert lead.ask(130) == [("a1", Resend("e1", [(2, 2)]))]


@on_one_database
async def test_a_status_names_what_nobody_has_and_strangers_are_not_asked(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk, newest={"a1": ("e1", 3), "stranger": ("e1", 9)})
        lead.ask(0)
        assert lead.ask(130) == [("a1", Resend("e1", [(1, 3)]))]


async def test_another_leader_goes_on_where_the_first_one_stopped(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk)
        desk.take(report(2))
        desk.journal.flush()
        asked = [second for second in range(0, 1000, 40) if lead.ask(second)]
        assert asked == [120, 240, 480, 960]
        ((times,),) = desk.rows("SELECT times FROM ledger_asked")
        assert times == 4
        second = Lead(desk)
        assert second.ask(5000) == []
        assert [when for when in range(5000, 9000, 40) if second.ask(when)] == [5120, 7040]


async def test_a_spool_that_was_left_behind_is_given_up_in_the_end(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk, newest={"a1": ("e2", 1)})
        desk.take(report(3), report(1, epoch="e2"))
        desk.journal.flush()
        asked = [second for second in range(0, 200_000, 3600) if lead.ask(second)]
        assert len(asked) == 8
        assert desk.rows("SELECT epoch, why, first, last FROM ledger_explained") == [("e1", "ended", 1, 2)]
        assert Place("a1", "e1") not in lead.keeping.ledger.asked()


async def test_completeness_is_worked_out_where_something_changed(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk, now=NOON + timedelta(days=1))
        desk.take(*(report(seq) for seq in range(1, 9)))
        desk.take(account(10, DAY, latency={"planned": 10, "run": 9, "skipped": {"stopped": 1}}), at=lead.now)
        desk.journal.flush()
        days = await lead.days()
        today, told = DAY + timedelta(days=1), days[DAY]
        assert (told["planned"], told["run"], told["received"], told["skipped"], told["late"]) == (10, 9, 8, 1, 0)
        assert (told["ratio"], told["produced"], told["missing"]) == (0.8, 8, 0)
        assert "ratio" not in days[today]
        assert (days[today]["produced"], days[today]["missing"]) == (2, 1)
        assert await lead.days() == {}
        desk.take(report(9), at=lead.now)
        desk.journal.flush()
        days = await lead.days()
        assert (days[DAY]["ratio"], days[DAY]["received"], days[DAY]["late"]) == (0.9, 9, 1)
        (seen,) = lead.keeping.completeness.read(DAY, DAY)
        assert (seen.site, seen.ratio, dict(seen.skipped)) == ("s1", 0.9, {"stopped": 1})


@on_one_database
async def test_a_silent_box_is_incomplete_on_every_new_day(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk, now=NOON + timedelta(days=1))
        desk.take(report(1), account(2, DAY, latency={"planned": 1, "run": 1}), at=lead.now)
        desk.journal.flush()
        await lead.days()
        lead.now = NOON + timedelta(days=4)
        days = await lead.days()
        assert {day: told.get("ratio") for day, told in days.items()} == {
            DAY + timedelta(days=1): 0.0,
            DAY + timedelta(days=2): 0.0,
            DAY + timedelta(days=3): 0.0,
            DAY + timedelta(days=4): None,
        }


@on_one_database
async def test_a_store_that_is_down_leaves_the_work_to_be_done(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk)
        desk.take(report(1))
        desk.journal.flush()
        lead.store_is_down = True
        with pytest.raises(StoreUnavailable):
            await lead.days()
        lead.store_is_down = False
        assert (await lead.days())[DAY]["received"] == 1


@on_one_database
async def test_two_agents_of_a_site_are_one_day(desk: Desk) -> None:
    async with closing(desk):
        lead = Lead(desk, now=NOON + timedelta(days=1))
        desk.registry.add_agent("a2", "s1", now=NOON)
        for agent in ("a1", "a2"):
            result = {"day": DAY.isoformat(), "kinds": {"latency": {"planned": 2, "run": 2}}}
            raw = report(3, agent=agent, kind="ledger", result=result, started=lead.now)
            desk.take(report(1, agent=agent), raw, at=lead.now)
        desk.take(report(2, agent="a2"), at=lead.now)
        desk.journal.flush()
        assert (await lead.days())[DAY]["ratio"] == 0.75
