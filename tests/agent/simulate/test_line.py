"""The light connection does what the uplink asks of aiomqtt, against a real broker."""

import asyncio
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiomqtt
import pytest

from agent.broker_connection import Secrets
from agent.simulate.line import Line, line
from tests.agent.delivery import MOSQUITTO, Mosquitto, certificates, mosquitto, settings, until

pytestmark = pytest.mark.program("mosquitto")
WILL = aiomqtt.Will("will/one", b"gone", qos=1, retain=True)
PLAIN = Secrets(None, None)


async def fails(call: Awaitable[object]) -> str:
    with pytest.raises(aiomqtt.MqttError) as caught:
        await call
    return str(caught.value)


async def heard(session: Line) -> tuple[str, bytes, bool]:
    async with asyncio.timeout(5):
        message = await anext(session.messages)
    return message.topic.value, message.payload, message.retain


async def answer(what: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say something, and hang up when the other side does."""
    writer.write(what)
    with suppress(OSError):
        while await reader.read(1000):
            pass
    writer.close()


async def test_it_publishes_subscribes_and_hears(broker: Mosquitto) -> None:
    async with line(settings(broker.port), PLAIN, client_id="a", will=WILL) as one:
        granted = await one.subscribe([("x/#", 1), ("y", 0)])
        assert [code.is_failure for code in granted] == [False, False]
        await one.publish("x/1", b"first", qos=1)
        await one.publish("x/2", b"kept", qos=1, retain=True)
        assert await heard(one) == ("x/1", b"first", False)
        assert await heard(one) == ("x/2", b"kept", False)
        await one.unsubscribe("x/#")
        await one.publish("x/1", b"unheard", qos=1)
        await one.subscribe("x/2", qos=1)
        assert await heard(one) == ("x/2", b"kept", True)
        assert len(one.messages) == 0


async def test_many_publishes_wait_side_by_side(broker: Mosquitto) -> None:
    async with line(settings(broker.port), PLAIN, client_id="a", will=WILL) as one, asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(one.publish("z", bytes(2000), qos=1), name=f"publish-{number}")


async def test_a_cut_leaves_the_will_and_ends_every_wait(broker: Mosquitto) -> None:
    async with line(settings(broker.port), PLAIN, client_id="b", will=WILL) as other:
        await other.subscribe("will/#", qos=1)
        async with line(settings(broker.port), PLAIN, client_id="a", will=WILL) as one:
            one.cut()
            await fails(anext(one.messages))
            await fails(one.publish("x", b"", qos=1))
        assert await heard(other) == ("will/one", b"gone", False)


async def test_a_goodbye_leaves_no_will(broker: Mosquitto) -> None:
    async with line(settings(broker.port), PLAIN, client_id="b", will=WILL) as other:
        await other.subscribe("#", qos=1)
        async with line(settings(broker.port), PLAIN, client_id="a", will=WILL):
            pass
        await other.publish("last", b"", qos=1)
        assert (await heard(other))[0] == "last"


async def test_a_broker_that_dies_is_noticed(broker: Mosquitto) -> None:
    async with line(settings(broker.port), PLAIN, client_id="a", will=WILL) as one:
        broker.end()
        assert "closed" in await fails(anext(one.messages))


async def test_a_broker_that_is_silent_is_given_up() -> None:
    server = await asyncio.start_server(partial(answer, b""), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    quick = settings(port, connect_timeout_s=0.2, stop_s=0.1)
    async with server:
        with pytest.raises(aiomqtt.MqttError, match="timed out"):
            async with line(quick, PLAIN, client_id="a", will=WILL):
                pass
        server.close()
    with pytest.raises(OSError, match="onnect"):
        async with line(quick, PLAIN, client_id="a", will=WILL):
            pass


async def test_nonsense_ends_the_connection() -> None:
    nonsense = b"\x20\x02\x00\x00" + b"\x30\xff\xff\xff\xff\xff"
    async with await asyncio.start_server(partial(answer, nonsense), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with line(settings(port), PLAIN, client_id="a", will=WILL) as one:
            assert "length" in await fails(anext(one.messages))


async def test_a_wrong_password_is_refused_and_tls_is_checked(tmp_path: Path) -> None:
    ca, cert, key = await asyncio.to_thread(certificates, tmp_path)
    passwords = tmp_path / "passwords"
    passwords.write_text("agent:secret\n")
    tool = str(Path(MOSQUITTO).parent.parent / "bin" / "mosquitto_passwd")
    process = await asyncio.create_subprocess_exec(tool, "-U", str(passwords))
    assert await process.wait() == 0
    async with mosquitto(tmp_path, f"certfile {cert}\nkeyfile {key}\npassword_file {passwords}") as broker:
        broker.end()
        config = tmp_path / "mosquitto.conf"
        config.write_text(config.read_text().replace("allow_anonymous true", "allow_anonymous false"))
        broker.launch()
        await broker.ready()
        url = f"mqtts://localhost:{broker.port}"
        there = settings(broker.port, url=url, username="agent", ca=str(ca))
        good = ssl.create_default_context(cafile=str(ca))
        async with line(there, Secrets(good, "secret"), client_id="a", will=WILL) as one:
            await one.publish("x", b"y", qos=1)
        with pytest.raises(aiomqtt.MqttError, match="refuses"):
            async with line(there, Secrets(good, "wrong"), client_id="a", will=WILL):
                pass
        with pytest.raises(ssl.SSLError):
            async with line(there, Secrets(ssl.create_default_context(), "secret"), client_id="a", will=WILL):
                pass


async def test_a_line_stays_up_by_its_keepalive(broker: Mosquitto) -> None:
    opened = settings(broker.port, keepalive_s=1)
    async with line(opened, PLAIN, client_id="a", will=WILL) as one:
        began = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > began + 2, "twice the keepalive", within_s=5)
        await one.publish("x", b"y", qos=1)
