"""Much to tell: summed up, reminded of, given up, said to be late; and services other than mail, through Apprise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from collector.errors import UsageError
from collector.tell.channels import check
from collector.tell.heartbeat import is_progress
from collector.tell.outbox import fan_out
from collector.tell.posting import retry_after
from collector.tell.route import Route
from collector.tell.tables import DELIVERIES
from tests.collector.tell.rig import NOW, Receiver, house, until
from tests.collector.tell.sink import Sink
from tests.collector.tell.test_mail import mailto
from tests.collector.tell.test_telling import webhook


async def test_a_storm_is_summed_up_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    sink = Sink()
    one = house(tmp_path, mailto(sink.port, "per_hour = 4", 'language = "en"'))
    with sink.listening():
        first = [one.record(f"s{number}") for number in range(2)]
        async with one.running():
            await until(lambda: len(sink.mails) == 2)
            for number in range(2, 60):
                one.record(f"s{number}")
            one.resolve(first[0])
            await until(lambda: one.history.waiting() == 0)
            assert len(sink.mails) == 2
            one.shift += timedelta(minutes=31)
            await until(lambda: len(sink.mails) == 3)
            await until(lambda: set(one.states()) == {"sent", "summed"})
            one.resolve(first[1])
            one.shift += timedelta(minutes=31)
            await until(lambda: len(sink.mails) == 4)
            await until(lambda: set(one.states()) == {"sent", "summed"})
    subjects = [str(mail["Subject"]) for mail in sink.mails]
    assert subjects[2] == "linkgauge: 59 messages in one"
    assert subjects[3].endswith("speed below target (resolved, warning)")
    text = sink.mails[2].get_body(("plain",))
    assert text is not None
    assert all(f"s{number}: below target" in text.get_content() for number in (0, *range(2, 60)))
    known = one.telling.deliveries.active("mail")
    assert len(known) == 58  # those of the summary are known, and two have ended
    one.close()


async def test_what_nobody_acknowledges_is_told_again_at_its_pace(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook", "remind_s = 3600"))
        taken, open_ = one.record("s1"), one.record("s2")
        async with one.running():
            await until(lambda: len(receiver.got) == 2)
            one.history.act(taken, "acknowledge", who="Lan", at=NOW)
            await until(lambda: len(receiver.got) == 3)
        for hour in (1, 1, 2):  # a restarted collector does not begin anew
            one.shift = timedelta(hours=hour, minutes=1)
            async with one.running():
                await until(lambda hour=hour: len(receiver.got) >= 3 + hour)  # type: ignore[misc]
                await until(lambda: set(one.states()) == {"sent"})
    assert [body["id"] for body in receiver.got[3:]] == [open_, open_]
    assert all(body["reminder"] for body in receiver.got[3:])
    one.close()


async def test_what_nobody_takes_is_said_then_given_up_and_kept_in_the_record(tmp_path: Path) -> None:
    one = house(tmp_path, webhook("http://127.0.0.1:9/x"), tell="give_up_s = 3600\n")
    one.record("s1")
    async with one.running():
        await until(lambda: one.states() == ["waiting"])
        one.shift = timedelta(minutes=20)
        await until(lambda: one.said != [])
        one.shift = timedelta(hours=2)

        def is_given_up() -> bool:  # asked again and again: a look that has begun before may say that it has cleaned
            one.telling._cleaned = None  # noqa: SLF001 - an hour has passed
            return one.states() == ["expired"]

        await until(is_given_up)
        assert one.count("tell_expired_total") == 1
    assert one.said[0].startswith("telling hook: http://127.0.0.1:9 has not taken a message for 20 min")
    one.telling.deliveries.clean(one.now + timedelta(days=1))
    assert one.states() == []
    one.close()


async def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
        one.record("s2")
        far = NOW + timedelta(days=400)
        fan_out(one.database, one.telling.routes, NOW)
        with one.database.write() as connection:
            connection.execute(update(DELIVERIES).where(DELIVERIES.c.state == "waiting").values(due=far))
        async with one.running():
            await until(lambda: len(receiver.got) == 2)
    one.close()


async def test_the_dead_mans_address_is_called_only_while_judging_goes_on(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        tell = f'heartbeat_url = "{receiver.url}/ping"\nheartbeat_s = 0.02\nheartbeat_fail = true\n'
        one = house(tmp_path, "", tell=tell)
        one.alive = False
        async with one.running():
            await until(lambda: receiver.paths.count("/ping/fail") >= 2)
            assert "/ping" not in receiver.paths
            one.alive = True
            await until(lambda: receiver.paths.count("/ping") >= 2)
        assert one.count("tell_heartbeats_total:taken") >= 2
        one.close()


async def test_without_fail_trouble_is_silence(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = house(tmp_path, "", tell=f'heartbeat_url = "{receiver.url}/ping"\nheartbeat_s = 0.02\n')
        one.alive = False
        async with one.running():
            await until(lambda: one.count("tell_heartbeats_total:trouble") >= 3)
        assert receiver.paths == []
        one.close()


def test_progress_is_a_pass_that_ended_lately() -> None:
    assert not is_progress(None, NOW, every_s=60)
    assert is_progress(NOW - timedelta(seconds=170), NOW, every_s=60)
    assert not is_progress(NOW - timedelta(seconds=190), NOW, every_s=60)
    assert is_progress(NOW - timedelta(seconds=500), NOW, every_s=300)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [(None, None), ("30", 30.0), ("-1", None), ("soon", None), ("Sun, 22 Nov 2026 12:01:00 GMT", 60.0),
     ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0), ("9" * 50, 999999999.0)],
)  # fmt: skip
def test_when_to_come_back_is_read(header: str | None, wait_s: float | None) -> None:
    assert retry_after(header, datetime(2026, 11, 22, 12, tzinfo=UTC)) == wait_s


async def test_other_services_are_reached_through_apprise(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        to = f"json://127.0.0.1:{receiver.port}/chat"
        one = house(tmp_path, f'[[tell.routes]]\nname = "chat"\nto = "{to}"\nlanguage = "en"')
        receiver.answers = [500]
        incident = one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
            one.resolve(incident)
            await until(lambda: len(receiver.got) == 2)
            await until(lambda: one.states() == ["sent", "sent"])
    assert receiver.got[0]["title"].endswith("speed below target (open, warning)")
    assert "Target: 50 Mbit/s" in receiver.got[0]["message"]
    one.close()


async def test_an_address_that_cannot_be_used_holds_up_no_other(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        bad = '[[tell.routes]]\nname = "bad"\nto = "nosuchservice://x"\n'
        one = house(tmp_path, bad + webhook(f"{receiver.url}/x"))
        one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1 and one.answers("bad") != set())
    assert "Apprise knows no such address" in one.answers("bad").pop()
    one.close()


def test_an_address_that_apprise_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match="Apprise knows no such address"):
        check([Route("x", "apprise", "nosuchservice://secret")])
