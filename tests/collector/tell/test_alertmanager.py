"""A real Alertmanager: what is notified behind it, restarts, its silences and what they keep from other routes."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.collector.alertmanager import SEARCH, Alertmanager, alertmanager
from tests.collector.tell.rig import ABOUT, Receiver, house, incident_of, put, until

pytestmark = pytest.mark.program("prometheus-alertmanager")
SAMPLE = Path(__file__).parents[3] / "deploy" / "collector" / "alertmanager.yml"
PLACE = {"province": "Lạng Sơn", "commune": "Hữu Lũng", "provider": "VNPT", "plan": "lang-son-2025"}


@pytest.fixture
async def behind() -> AsyncIterator[Receiver]:
    """Whom Alertmanager notifies."""
    receiver = Receiver()
    async with receiver.listening():
        yield receiver


def route_to(server: Alertmanager, *more: str) -> str:
    return "\n".join(["[[tell.routes]]", 'name = "am"', f'to = "alertmanager+{server.url}"', *more])


def notified(behind: Receiver) -> list[tuple[str, str]]:
    return [
        (alert["status"], alert["labels"].get("site", alert["labels"]["alertname"]))
        for body in behind.got
        for alert in body["alerts"]
        if alert["labels"]["alertname"] != "LinkgaugeWatchdog"
    ]


@pytest.mark.program("amtool")
def test_the_sample_is_a_configuration() -> None:
    program = shutil.which("amtool", path=SEARCH)
    assert program is not None
    subprocess.run([program, "check-config", str(SAMPLE)], check=True, capture_output=True)  # noqa: S603 - our own file


async def test_an_incident_fires_once_is_updated_and_resolves_once(tmp_path: Path, behind: Receiver) -> None:
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        one = house(
            tmp_path, route_to(server), tell='[web]\npublic_url = "https://lg.example"', start=datetime.now(UTC)
        )
        incident = one.record("s1")
        async with one.running():
            await until(lambda: notified(behind) == [("firing", "s1")])
            (alert,) = [alert for alert in server.alerts() if alert["labels"].get("site")]
            assert alert["labels"] == PLACE | {
                "alertname": "below_target",
                "severity": "warning",
                "site": "s1",
                "site_kind": "school",
                "incident": incident,
                "job": "linkgauge",
            }
            assert alert["annotations"]["summary_en"] == "s1: below target"
            assert alert["generatorURL"] == f"https://lg.example/incidents/{incident}"
            one.history.act(incident, "acknowledge", who="Lan", at=one.now)
            await until(lambda: any(alert["annotations"].get("state") == "acknowledged" for alert in server.alerts()))
            one.resolve(incident)
            await until(lambda: notified(behind) == [("firing", "s1"), ("resolved", "s1")])
            await until(lambda: one.telling.deliveries.active("am") == [])
            assert [alert["labels"]["alertname"] for alert in server.alerts()] == ["LinkgaugeWatchdog"]
    assert one.states() == ["sent"] * 3
    one.close()


async def test_it_has_its_alerts_again_after_a_restart_and_notifies_nothing_twice(
    tmp_path: Path, behind: Receiver
) -> None:
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        one = house(tmp_path, route_to(server), start=datetime.now(UTC))
        incident = one.record("s1")
        async with one.running():
            await until(lambda: notified(behind) == [("firing", "s1")])
            notified_at = datetime.now(UTC).timestamp()
            await until(lambda: server.has_saved(notified_at))
            server.kill()
            one.resolve(incident)  # nobody there to hear it
            await until(lambda: one.states() == ["sent", "waiting"])
            server.start()
            await until(lambda: one.states() == ["sent", "sent"])
            await until(lambda: ("resolved", "s1") in notified(behind))
    assert notified(behind) == [("firing", "s1"), ("resolved", "s1")]
    one.close()


async def test_graver_is_another_alert_and_ends_the_one_before(tmp_path: Path, behind: Receiver) -> None:
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        one = house(tmp_path, route_to(server), start=datetime.now(UTC))
        incident = one.record("s1")
        async with one.running():
            await until(lambda: notified(behind) == [("firing", "s1")])
            found = one.history.get(incident)
            assert found is not None
            step = msgspec.structs.replace(found.history[-1], what="updated")
            worse = msgspec.structs.replace(found, severity="critical", history=[*found.history, step])
            put(one.history, worse)
            await until(lambda: len(notified(behind)) >= 3)
            (alert,) = [alert for alert in server.alerts() if alert["labels"].get("site")]
            assert alert["labels"]["severity"] == "critical"
    one.close()


async def test_an_end_that_no_letter_told_of_ends_the_alert_too(tmp_path: Path, behind: Receiver) -> None:
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        one = house(tmp_path, route_to(server), start=datetime.now(UTC))
        incident = one.record("s1")
        async with one.running():
            await until(lambda: notified(behind) == [("firing", "s1")])
            one.history._tell = False  # noqa: SLF001 - as if nothing had been written
            one.resolve(incident)
            await until(lambda: notified(behind) == [("firing", "s1"), ("resolved", "s1")])
    assert one.states() == ["sent"]
    one.close()


async def test_the_watchdog_fires_only_while_judging_goes_on(tmp_path: Path, behind: Receiver) -> None:
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        one = house(tmp_path, route_to(server), start=datetime.now(UTC))
        one.alive = False
        incident = one.record("s1")
        async with one.running():
            await until(lambda: notified(behind) == [("firing", "s1")])
            await until(lambda: one.count("tell_alerts") == 1)
            assert [alert["labels"]["alertname"] for alert in server.alerts()] == ["below_target"]
            one.alive = True
            await until(lambda: len(server.alerts()) == 2)
    assert incident
    one.close()


def hook(receiver: Receiver) -> str:
    return f'\n[[tell.routes]]\nname = "hook"\nto = "{receiver.url}/hook"\n'


async def test_a_silence_keeps_other_routes_quiet_until_it_ends(tmp_path: Path, behind: Receiver) -> None:
    receiver = Receiver()
    with alertmanager(tmp_path / "am", f"{behind.url}/am") as server:
        matchers = [{"name": "commune", "value": "Hữu.*", "isRegex": True, "isEqual": True}]
        silence = server.silence(matchers)
        async with receiver.listening():
            one = house(tmp_path, route_to(server) + hook(receiver), start=datetime.now(UTC))
            one.record("s1")
            ended = one.record("s2")
            elsewhere = msgspec.structs.replace(incident_of("s3"), about=ABOUT | {"commune": "Đồng Đăng"})
            put(one.history, elsewhere)
            async with one.running():
                await until(lambda: [body["site"] for body in receiver.got] == ["s3"])
                await until(lambda: one.states().count("held") == 2)
                one.resolve(ended)
                await until(lambda: one.states().count("held") == 3)
                (row, *_) = one.telling.deliveries.search(route="hook", state="held")
                assert row.silenced_by == f"alertmanager 127.0.0.1:{server.port} silence {silence}"
                server.unsilence(silence)
                await until(lambda: [body["site"] for body in receiver.got] == ["s3", "s1"])
                await until(lambda: one.states().count("held") == 0)
    assert [row.state for row in one.telling.deliveries.search(route="hook")].count("silenced") == 2  # s2 is over
    one.close()


async def test_what_is_held_is_never_told_after_what_followed_it(tmp_path: Path) -> None:
    receiver, grafana = Receiver(), Receiver()
    matchers = [{"name": "severity", "value": "warning", "isRegex": False, "isEqual": True}]
    silences = [{"id": "g1", "status": {"state": "active"}, "matchers": matchers}]
    grafana.give = {"/api/alertmanager/grafana/api/v2/silences": silences}
    async with receiver.listening(), grafana.listening():
        one = house(tmp_path, hook(receiver), tell=f'grafana_url = "{grafana.url}"\n')
        incident = one.record("s1")
        async with one.running():
            await until(lambda: one.states() == ["held"])
            found = one.history.get(incident)
            assert found is not None
            step = msgspec.structs.replace(found.history[-1], what="updated")
            put(one.history, msgspec.structs.replace(found, severity="critical", history=[*found.history, step]))
            await until(lambda: one.states() == ["superseded", "sent"])
            grafana.give = {}
            one.resolve(incident)
            await until(lambda: one.states() == ["superseded", "sent", "sent"])
    assert [(body["state"], body["severity"]) for body in receiver.got] == [
        ("open", "critical"),
        ("resolved", "critical"),
    ]
    one.close()


async def test_who_cannot_be_asked_for_silences_silences_nothing(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening():
        away = '[[tell.routes]]\nname = "am"\nto = "alertmanager+http://127.0.0.1:9"\n'
        one = house(tmp_path, away + hook(receiver))
        one.record("s1")
        async with one.running():
            await until(lambda: len(receiver.got) == 1)
            assert one.count("tell_silences_unknown:alertmanager 127.0.0.1:9") == 1
    one.close()


async def test_grafanas_silences_hold_too_and_its_token_is_shown(tmp_path: Path) -> None:
    receiver, grafana = Receiver(), Receiver()
    (tmp_path / "token").write_text("glsa_x\n")
    silence = {
        "id": "g1",
        "status": {"state": "active"},
        "matchers": [{"name": "site", "value": "s1", "isRegex": False, "isEqual": True}],
    }
    odd = [{"id": 7}, silence]
    grafana.give = {"/api/alertmanager/grafana/api/v2/silences": odd}
    async with receiver.listening(), grafana.listening():
        tell = f'grafana_url = "{grafana.url}"\ngrafana_token_file = "{tmp_path}/token"\n'
        one = house(tmp_path, hook(receiver), tell=tell)
        one.record("s1")
        one.record("s2")
        async with one.running():
            await until(lambda: sorted(one.states()) == ["held", "sent"])
            one.shift += timedelta(hours=1)
            grafana.give = {}
            await until(lambda: one.states() == ["sent", "sent"])
    assert [body["site"] for body in receiver.got] == ["s2", "s1"]
    one.close()
