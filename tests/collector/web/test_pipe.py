"""The page of the pipe: what is well, what is not and since when, from what processes say."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from babel.messages.pofile import read_po

from collector.vitals import EVERY_S, OWN, RECEIPT_BOUNDS, Board, Counts, Heard, Levels, Sighting, Trouble, Vitals
from collector.web import pipe
from collector.web.flow import SLOTS
from tests.collector.web.house import NOW, province

BUCKETS = len(RECEIPT_BOUNDS) + 1


def words(
    rates: Sequence[float], *, name: str = "vm:1", roles: Sequence[str] = ("ingest", "judge", "web"),
    ago: float = 0.0, troubles: Sequence[Trouble] = (), **levels: Any,  # noqa: ANN401 - of any level
) -> Sighting:  # fmt: skip
    """A process that decoded so many reports a second in the last intervals."""
    known = {"connected": True, "queue": 0.0, "queue_s": 0.0, "gaps": 0.0} | levels
    said: list[Heard] = []
    total, receipts = 0.0, [0] * BUCKETS
    for number, rate in enumerate([0.0, *rates]):
        at = NOW - timedelta(seconds=ago + EVERY_S * (len(rates) - number))
        total += rate * EVERY_S
        receipts = [receipts[0], receipts[1] + int(rate * EVERY_S), *receipts[2:]]
        counts = Counts(messages=total, decoded=total, written=total, points=total, receipts=total, ledger=total)
        vitals = Vitals(
            name=name, roles=list(roles), started=NOW, at=at, counts=counts, levels=Levels(**known),
            receipts=receipts, troubles=list(troubles),
        )  # fmt: skip
        said.append(Heard(at, vitals))
    return Sighting(own=True, words=tuple(said))


def stage(found: pipe.Pipe, name: str) -> pipe.Stage:
    return next(one for one in found.stages if one.name == name)


def test_a_pipe_that_flows_says_how_much() -> None:
    found = pipe.view([words([10.0] * 60, leader=True)], NOW)
    assert found.state == "good"
    assert stage(found, "decide").rate == pytest.approx(10.0)
    assert stage(found, "series").rates == pytest.approx([10.0] * SLOTS)
    assert (found.p50, found.p99) == (RECEIPT_BOUNDS[1], RECEIPT_BOUNDS[1])
    assert found.leader == "vm:1"


def test_several_processes_are_one_pipe() -> None:
    two = [
        words([10.0] * 60, name="a", roles=["ingest"], queue=5.0, queue_s=1.0),
        words([30.0] * 60, name="b", roles=["ingest"], ago=2.0, queue=7.0, queue_s=0.5),
        words([0.0] * 60, name="j", roles=["judge"], leader=True, gaps=4.0, completeness=0.98, queue=None),
    ]
    found = pipe.view(two, NOW)
    inbox = stage(found, "inbox")
    assert inbox.rate == pytest.approx(40.0)
    assert (inbox.queue, inbox.age_s) == (12.0, 1.0)
    assert inbox.rates[5] == pytest.approx(40.0)
    assert (found.gaps, found.completeness, found.leader) == (4.0, 0.98, "j")


def test_what_is_wrong_is_said_with_its_reason_and_what_is_over_too() -> None:
    now = Trouble(part="store", why="no route to db", since=NOW - timedelta(minutes=1))
    over = Trouble(part="archive", why="no space", since=NOW - timedelta(hours=1), until=NOW - timedelta(minutes=9))
    found = pipe.view([words([1.0], leader=True, troubles=[now, over])], NOW)
    assert found.state == "trouble"
    assert stage(found, "series").state == "trouble"
    assert stage(found, "series").troubles == (now,)
    assert stage(found, "archive").state == "good"
    assert stage(found, "archive").troubles == (over,)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("inbox", {"queue_s": 6.0}), ("series", {"store_free": 1e9}), ("archive", {"archive_free": 1e9}),
        ("ledger", {"ledger_behind": True}), ("rollups", {"rollups_overdue_s": 1000.0}),
    ],
)  # fmt: skip
def test_what_wants_looking_at_is_seen(name: str, levels: dict[str, Any]) -> None:
    found = pipe.view([words([1.0], **{"leader": True} | levels)], NOW)
    assert (found.state, stage(found, name).state) == ("slow", "slow")
    assert [one.name for one in found.stages if one.state != "good"] == [name]


def test_what_nobody_told_is_unknown_and_never_zero() -> None:
    lost = words([5.0] * 10, name="gone", roles=["ingest"], ago=60.0)
    page_alone = words([0.0], name="page", roles=["web"], queue=None, queue_s=None, gaps=None, connected=False)
    found = pipe.view([lost, page_alone], NOW)
    assert found.late == ("gone",)
    assert {one.name for one in found.stages if one.state == "unknown"} == {
        "inbox", "decide", "series", "archive", "receipts", "ledger", "rollups",
    }  # fmt: skip
    assert stage(found, "broker").state == "trouble"
    assert stage(found, "inbox").queue is None
    assert (found.p50, found.gaps, found.quarantine, found.completeness) == (None, None, None, None)
    empty = pipe.view([], NOW)
    assert {one.state for one in empty.stages} == {"unknown"}
    assert {one.rate for one in empty.stages} == {None}


def test_curves_break_where_nobody_was_heard_and_fit_their_box() -> None:
    found = pipe.view([words([2.0] * 8 + [0.0] * 2, leader=True)], NOW)
    (line,) = stage(found, "decide").spark
    points = [tuple(map(float, point.split(","))) for point in line.split()]
    assert all(0 <= x <= pipe.SPARK_WIDTH and 0 <= y <= pipe.SPARK_HEIGHT for x, y in points)
    assert stage(found, "decide").rates[0] is None


def test_every_word_of_the_view_is_translated() -> None:
    web = Path(str(files("collector.web")))
    said = set(re.findall(r'_Sign\([^"]*?"\w+"[^"]*?, "([^"]+)"', (web / "pipe.py").read_text()))
    codes = {
        f"stage-{name}" for name in ("broker", "inbox", "decide", "series", "archive", "receipts", "ledger", "rollups")
    }
    codes |= {f"{kind}-{state}" for kind in ("pipe", "overall") for state in ("good", "slow", "trouble", "unknown")}
    codes |= {"unit-messages", "unit-reports", "unit-points", "age-inbox", "age-receipts", "age-rollups"}
    assert len(said) > 15
    for language, wanted in (("vi", said | codes), ("en", codes)):
        with (web / "locale" / f"{language}.po").open("rb") as source:
            known = {str(message.id) for message in read_po(source) if message.string}
        assert wanted <= known


async def _filled(board: Board, at: datetime) -> None:
    trouble = Trouble(part="store", why="no <route> to db", since=at)
    seen = words([7.0] * 20, leader=True, quarantine=3.0, completeness=0.987, troubles=[trouble])
    for word in seen.words:
        board.put(OWN, word.vitals)


async def test_the_page_and_the_api_show_it_without_asking_any_database(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        await it.sources.store.close()
        it.registry.close()
        await _filled(it.sources.board, NOW)
        page = await (await it.client.get("/pipe?lang=en")).text()
        for said in ("no &lt;route&gt; to db", "A part does not work.", "98.7 %", '<a href="/quarantine">3</a>'):
            assert said in page
        assert page.count('<li class="stage ') == 8
        assert "style=" not in page
        assert "Có bộ phận không hoạt động" in await (await it.client.get("/pipe?lang=vi")).text()
        told = msgspec.json.decode(await (await it.client.get("/api/v1/pipe")).read())
        assert told["state"] == "trouble"
        assert [one["name"] for one in told["stages"]][:2] == ["broker", "inbox"]


async def test_a_page_that_nobody_has_told_anything_says_so(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await (await it.client.get("/pipe?lang=en")).text()
        assert "Nothing was measured yet" in page
        assert "Not everything can be seen from here." in page
