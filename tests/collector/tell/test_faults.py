"""Faults of ours in one route, and ends in the middle of a delivery: the others go on, and nothing is lost or twice."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.tell.grace import graceful
from tests.collector.tell.rig import House, Receiver, house, incident_of, put, until
from tests.collector.tell.test_mail import mailto
from tests.collector.tell.test_telling import webhook


def nameless(_sites: Sequence[str]) -> Mapping[str, str]:
    raise ZeroDivisionError("nobody thought of this")


def with_fault(folder: Path, receiver: Receiver) -> House:
    """Two routes, of which one is told of outages: asking for the names of a group's sites is a fault of ours."""
    routes = [webhook(f"{receiver.url}/all").replace('"hook"', '"all"')]
    one = house(folder, "\n".join([*routes, webhook(f"{receiver.url}/slow", 'causes = ["below_target"]')]))
    one.telling.names = nameless
    parent = msgspec.structs.replace(incident_of("p1", "outage"), children=["a", "b"])
    put(one.history, parent)
    return one


async def test_what_brings_a_fault_about_holds_up_neither_other_routes_nor_its_own(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        one = with_fault(tmp_path, receiver)
        for number in range(3):
            one.record(f"s{number}")
        async with one.running():
            await until(lambda: sorted(receiver.paths) == ["/all"] * 3 + ["/slow"] * 3)
            await until(lambda: any("telling: route all" in said for said in one.said))
            assert not any("outbox" in said or "hook" in said for said in one.said)
            one.telling.names = lambda _sites: {}
    assert {body["site"] for body in receiver.got} == {"s0", "s1", "s2"}
    one.close()


async def test_an_orderly_stop_lets_the_delivery_in_hand_end(tmp_path: Path) -> None:
    receiver, come = Receiver(), asyncio.Event()

    async def slowly(request: web.Request) -> web.Response:
        answer = await receiver.answer(request)
        come.set()
        await asyncio.sleep(0.1)
        return answer

    receiver.take = slowly
    async with receiver.listening():
        one = house(tmp_path, webhook(f"{receiver.url}/hook"))
        one.record("s1")
        async with one.running():
            await come.wait()
    assert one.states() == ["sent"]
    assert len(receiver.got) == 1
    one.close()


async def test_who_takes_too_long_to_end_is_ended() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(graceful(work(), grace_s=0.01, name="work"), name="graceful")
        await begun.wait()
        task.cancel()
    assert task.cancelled()
    assert [each for each in asyncio.all_tasks() if each.get_name() == "work"] == []


async def test_what_fails_fails() -> None:
    async def work() -> None:
        raise ValueError("so it is")

    with pytest.raises(ValueError, match="so it is"):
        await graceful(work(), grace_s=1, name="work")


async def test_a_mail_server_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    over, drips = asyncio.Event(), set[asyncio.StreamWriter]()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        drips.add(writer)
        while not over.is_set():
            writer.write(b"2")
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        drips.discard(writer)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        one = house(tmp_path, mailto(server.sockets[0].getsockname()[1]), tell="timeout_s = 0.1\n")
        one.record("s1")
        async with one.running():
            await until(lambda: one.answers() == {"unreached: timeout"})
        over.set()
        await until(lambda: not drips)
    one.close()


async def test_a_services_token_stands_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    async with receiver.listening():
        to = f'to = "json://127.0.0.1:{receiver.port}/bot12345:s3cret/send"'
        one = house(tmp_path, f'[[tell.routes]]\nname = "chat"\n{to}')
        with caplog.at_level(logging.DEBUG):
            one.record("s1")
            async with one.running():
                await until(lambda: one.states() == ["sent"])
    assert "s3cret" not in "".join(line for line in caplog.text.splitlines() if "aiohttp.access" not in line)
    one.close()
