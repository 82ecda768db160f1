"""What deploy/collector ships does what its README says: nobody anonymous, nobody under another's name."""

import asyncio
import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from collector import config as settings
from collector.store.influx import basic
from collector.store.open import place_from_url
from tests.e2e.processes import Process, ended
from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy" / "collector"
PASSWORDS = {"collector": "c", "agent-a": "a", "agent-b": "b"}
REPORT = "linkgauge/v1/agent-a/report"


@contextlib.contextmanager
def shipped_broker(folder: Path) -> Iterator[int]:
    """Mosquitto with our files, its paths and port moved into `folder`."""
    port = free_port()
    for name in ("mosquitto.conf", "mosquitto.acl"):
        text = (DEPLOY / name).read_text("utf-8")
        text = text.replace("/etc/mosquitto/linkgauge.acl", str(folder / "mosquitto.acl"))
        text = text.replace("/etc/mosquitto/linkgauge.passwords", str(folder / "passwords"))
        (folder / name).write_text(text.replace("listener 1883", f"listener {port}"), "utf-8")
    with (folder / "mosquitto.conf").open("a") as config:
        config.write(f"user {getpass.getuser()}\n")  # it gives up root otherwise, and may not read a test's folder
    (folder / "passwords").touch()
    for user, password in PASSWORDS.items():
        subprocess.run(["mosquitto_passwd", "-b", str(folder / "passwords"), user, password], check=True)  # noqa: S603, S607
    broker = Process("mosquitto", ["mosquitto", "-c", str(folder / "mosquitto.conf")], folder / "log", port)
    with ended([broker]):
        broker.start()
        yield port


def client(port: int, user: str | None) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, username=user, password=PASSWORDS.get(user or ""))


@pytest.mark.program("mosquitto", "mosquitto_passwd")
async def test_the_broker_lets_each_agent_into_its_own_place_only(tmp_path: Path) -> None:
    with shipped_broker(tmp_path) as port:
        with pytest.raises(aiomqtt.MqttError):
            async with client(port, None):
                pass
        async with client(port, "collector") as collector, client(port, "agent-a") as a, client(port, "agent-b") as b:
            await collector.subscribe("linkgauge/v1/+/report", qos=1)
            await b.publish(REPORT, b"forged", qos=1)
            largest = b"x" * 256 * 1024
            await a.publish(REPORT, largest, qos=1)
            async with asyncio.timeout(10):
                message = await anext(aiter(collector.messages))
            assert message.payload == largest, "b wrote under a's name"

            await a.subscribe("linkgauge/v1/agent-a/receipt")
            await b.subscribe("linkgauge/v1/agent-a/receipt")
            await b.subscribe("linkgauge/v1/agent-b/receipt")
            await collector.publish("linkgauge/v1/agent-a/receipt", b"for a")
            await collector.publish("linkgauge/v1/agent-b/receipt", b"for b")
            async with asyncio.timeout(10):
                assert (await anext(aiter(a.messages))).payload == b"for a"
                assert (await anext(aiter(b.messages))).payload == b"for b", "b reads a's receipts"


def test_the_readme_s_settings_are_accepted() -> None:
    readme = (DEPLOY / "README.md").read_text("utf-8")
    one, told, several = [
        settings.parse(block.split("```")[0], {}, name="README") for block in readme.split("```toml\n")[1:]
    ]
    assert one.broker.username == "collector"
    assert one.store.url.startswith("influxdb1://linkgauge@")
    assert one.store.token_file is not None
    server = place_from_url(one.store.url, token="word").server  # noqa: S106 - what stands in the file
    assert server is not None
    assert server.credentials == basic("linkgauge", "word"), "the user signs in with the file's password"
    assert {route.when for route in told.tell.routes} == {"now", "daily"}
    assert (several.broker.group, several.registry.password_file) == (
        "collector",
        "/etc/linkgauge/registry.password",
    )


def test_nothing_listens_outside_by_default() -> None:
    text = "\n".join((DEPLOY / name).read_text("utf-8") for name in ("mosquitto.conf", "influxdb.conf"))
    listening = [line for line in text.splitlines() if line.startswith("listener") or "bind-address" in line]
    assert len(listening) == 3
    assert all("127.0.0.1" in line for line in listening)
    assert settings.CollectorConfig().web.listen.startswith("127.0.0.1:")
