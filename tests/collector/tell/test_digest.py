"""The daily digest: its words in both languages, when it is due, and that it is made once."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.incidents.incident import moved
from collector.tell.daily import due_day, make_due
from collector.tell.digest import Day, Standing, digest_of
from collector.tell.message import Reader
from collector.tell.news import About
from collector.tell.place import as_filed
from collector.tell.route import Route, Wanted
from tests.collector.tell.rig import ABOUT, NOW, house, incident_of, news_of, until
from tests.collector.tell.sink import Sink

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
VI, EN = Reader("vi", ZONE, "https://lg.example"), Reader("en", ZONE, "https://lg.example")
SINCE = NOW - timedelta(days=1)


def test_an_empty_day_says_that_all_is_well() -> None:
    message = digest_of(Day(SINCE, NOW, [], []), VI)
    assert message.subject.startswith("linkgauge: tổng hợp ngày 22/11/2026: Mọi việc đều ổn")
    assert message.text == (
        "Mọi việc đều ổn: không có sự cố nào đang mở, cũng không có gì mới từ 19:00 21/11/2026.\n\n"
        "https://lg.example/incidents\n"
    )
    assert digest_of(Day(SINCE, NOW, [], []), EN).text.startswith("All is well: nothing is open")


def test_a_day_by_severity_with_what_came_and_went() -> None:
    grave = news_of(incident_of("s1", severity="critical"))
    silent = news_of(incident_of("s2", "silent"))
    over = news_of(moved(incident_of("s3", "outage", at=SINCE - timedelta(hours=3)), "resolved", NOW, who="rules"))
    sites = [Standing(About(**ABOUT | {"name": f"Trường {number}"}), "met", number == 9) for number in range(10)]
    sites += [Standing(About(**ABOUT), "below"), Standing(About(name="No plan"), "inconclusive")]
    message = digest_of(Day(SINCE, NOW, [grave, silent], [grave, silent, over], sites), EN)
    name = "Lạng Sơn, Hữu Lũng, Trường TH Hữu Lũng 1"
    assert message.subject == "linkgauge: daily digest of 2026-11-22: 2 open, 2 new, 1 ended"
    assert (
        message.text
        == f"""2 open, 2 new, 1 ended

Open now, critical (1)
- {name}: speed below target (open, critical), since 2026-11-22 19:00

Silent (1)
- {name}: silent (open, warning), since 2026-11-22 19:00

Opened since 2026-11-21 19:00 (2)
- {name}: silent (open, warning)
- {name}: speed below target (open, critical)

Ended since 2026-11-21 19:00 (1)
- {name}: connection lost (resolved, warning)

Watched (weak of late, no incident) (1)
- Lạng Sơn, Hữu Lũng, Trường 9

By plan (1)
- lang-son-2025: 10 of 11 sites meet the download target, 1 are below, 0 undecided

https://lg.example/incidents
"""
    )


def test_a_digest_is_of_what_its_route_wants_and_of_nothing_that_late_data_opened() -> None:
    quiet = news_of(incident_of("s2"), quiet=True)
    here, there = Standing(About(**ABOUT), "met"), Standing(About(province="Bắc Giang"), "met")
    day = Day(SINCE, NOW, [news_of(), quiet, news_of(incident_of("s3", severity="notice"))], [quiet], [here, there])
    assert [news.site for news in day.wanted(Wanted("warning")).active] == ["s1"]
    assert [news.site for news in day.wanted(Wanted("notice")).active] == ["s1", "s3"]
    assert day.wanted(Wanted("notice")).changed == []
    elsewhere = day.wanted(Wanted("notice", provinces=frozenset({"bac-giang"})))
    assert (elsewhere.active, elsewhere.sites) == ([], [there])


def test_what_goes_on_quietly_or_in_maintenance_is_not_called_well() -> None:
    quiet, maintained = news_of(quiet=True), news_of(incident_of("s2", severity="critical"), maintenance=True)
    day = Day(SINCE, NOW, [quiet, quiet, maintained], [quiet])
    said = digest_of(day.wanted(Wanted()), EN).text.splitlines()[0]
    assert said == "Nothing to act on: 2 known quietly, 1 in maintenance; nothing new since 2026-11-21 19:00."
    assert digest_of(day.wanted(Wanted("critical")), VI).text.startswith(
        "Không có việc gì cần xử lý: 1 sự cố đang trong thời gian bảo trì; không có gì mới từ 19:00 21/11/2026."
    )


def test_places_are_called_by_their_names() -> None:
    day = Day(
        SINCE, NOW, [news_of()], [news_of()], [Standing(About(province="lang-son", name="S"), "met", watched=True)]
    )
    text = digest_of(day.called(lambda province, commune: (province.upper(), commune.upper())), EN).text
    assert "- LANG-SON, S\n" in text
    assert text.count("- LẠNG SƠN, HỮU LŨNG, Trường TH Hữu Lũng 1: ") == 2


def test_long_lists_are_cut() -> None:
    many = [news_of(incident_of(f"s{number}")) for number in range(60)]
    assert "- and 10 more\n" in digest_of(Day(SINCE, NOW, many, []), EN).text


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 22, 0, 29, tzinfo=UTC), None),
        (datetime(2026, 11, 22, 0, 30, tzinfo=UTC), "2026-11-22"),
        (datetime(2026, 11, 22, 16, 59, tzinfo=UTC), "2026-11-22"),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), None),
    ],
)
def test_it_is_due_on_the_provinces_day(now: datetime, day: str | None) -> None:
    assert due_day(Route("d", "mail", "mailto://x", daily=time(7, 30)), now, ZONE) == day


async def test_a_digest_is_mailed_once_a_day_also_by_a_restarted_collector(tmp_path: Path) -> None:
    sink = Sink()
    to = f"mailto://127.0.0.1:{sink.port}?from=linkgauge@province.example&to=officer@province.example"
    routes = f'[[tell.routes]]\nname = "day"\nto = "{to}"\nwhen = "daily"\nlanguage = "en"'
    morning = datetime(2026, 11, 22, 1, tzinfo=UTC)
    with sink.listening():
        one = house(tmp_path, routes, start=morning - timedelta(days=1, hours=1))
        async with one.running():
            await until(lambda: one.answers() == {"the first digest goes after one whole day"})
        one.close()
        for day in range(2):
            for _ in range(2):
                one = house(tmp_path, routes, start=morning + timedelta(days=day))
                one.record(f"s{day}")
                async with one.running():
                    await until(lambda day=day: len(sink.mails) == day + 1)  # type: ignore[misc]
                    await until(lambda one=one: one.history.waiting() == 0)  # type: ignore[misc]
                    await until(lambda one=one: set(one.states()) == {"superseded", "sent"})  # type: ignore[misc]
                one.close()
    assert [str(mail["Subject"]).rpartition(": ")[2] for mail in sink.mails] == [
        "1 open, 1 new, 0 ended",
        "2 open, 1 new, 0 ended",
    ]
    assert [mail["In-Reply-To"] for mail in sink.mails] == [None, None]


def test_a_new_routes_first_digest_covers_a_whole_day(tmp_path: Path) -> None:
    one, route = house(tmp_path, ""), Route("d", "mail", "mailto://x", daily=time(7, 30))
    due = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)

    def made(at: datetime) -> bool:
        found = make_due(one.telling.deliveries, route, EN, now=at, sites=tuple, places=lambda: as_filed)
        return found is not None

    ages = [timedelta(hours=hours) for hours in (-20, -19, 0, 1)]
    assert [made(due + age) for age in ages] == [False] * 4
    assert [made(due + age) for age in (timedelta(hours=23), timedelta(days=1))] == [False, True]
    assert "since 2026-11-21 11:30" in str(one.telling.deliveries.search()[0].body)
    assert [made(due + timedelta(days=day, hours=3)) for day in (1, 2)] == [False, True]
    one.close()


def test_a_digest_can_be_recorded() -> None:
    message = digest_of(Day(SINCE, NOW, [news_of()], []), VI)
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message
