"""What is to be read: the earliest of what was announced, kept until it was looked at."""

from datetime import timedelta

import pytest

from collector.events import Event
from collector.judging.news import News, oldest
from collector.upkeep import iso
from tests.collector.judging.rig import HOUR, NOW


def event(kind: str = "throughput", **data: object) -> Event:
    return Event("report", "th1", NOW, {"kind": kind, **data})


def test_of_many_reports_the_oldest_is_remembered_for_each_kind() -> None:
    news = News()
    news.hear(event(started=iso(NOW), oldest=iso(NOW - 3 * HOUR)))
    news.hear(event(started=iso(NOW), oldest=iso(NOW - HOUR)))
    news.hear(event("latency", started=iso(NOW)))
    assert news.since == {"th1": {"throughput": NOW - 3 * HOUR, "latency": NOW}}
    assert news.wake.is_set()


def test_what_nobody_judges_is_no_news() -> None:
    news = News()
    news.hear(event("radio"))
    news.hear(Event("verdict", "th1", NOW, {}))
    news.hear(Event("report", None, NOW, {}))
    assert news.since == {}
    assert not news.wake.is_set()


@pytest.mark.parametrize("said", ["soon", "2026-11-22T11:00:00", 5, None, ["x"]])
def test_an_unreadable_time_is_taken_for_now(said: object) -> None:
    assert oldest(event(oldest=said)) == NOW
    assert oldest(event(oldest=said, started=iso(NOW - HOUR))) == NOW - HOUR


def test_what_could_not_be_looked_at_is_kept_beside_what_came_meanwhile() -> None:
    news = News(unread=False, unjudged=False)
    news.note("th1", "throughput", NOW - HOUR)
    taken = news.take()
    assert (news.since, news.wake.is_set()) == ({}, False)
    news.note("th1", "throughput", NOW)
    news.note("th2", "ipv6", NOW)
    news.give_back(taken)
    assert news.since == {"th1": {"throughput": NOW - HOUR}, "th2": {"ipv6": NOW}}
    news.note_all(["th3"], NOW + timedelta(1))
    assert (news.missed, set(news.since["th3"])) == (True, {"throughput", "latency", "ipv6", "dns", "web"})
