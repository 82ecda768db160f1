"""`grafana push` against a Grafana of 9.4 and one of 12: made once, then nothing; and never over what people did."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.__main__ import main
from collector.grafana.comparing import marked
from collector.grafana.server import GrafanaError, Server
from dashboards import alerts, contacts
from tests.agent.net.authority import authority
from tests.collector.grafana.fake import TOKEN, FakeGrafana, serving

INFLUX = "influxdb1://reader:hunter2@influx.example:8086/linkgauge"
BOTH = pytest.mark.parametrize("version", ["9.4.17", "12.0.0"])


async def push(grafana: FakeGrafana, *options: str, code: int = 0) -> None:
    arguments = ["grafana", "push", "--url", grafana.url, "--token", TOKEN, *options]
    assert await asyncio.to_thread(main, arguments) == code


async def pushed(grafana: FakeGrafana, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What a push says as JSON, whatever its exit code."""
    capsys.readouterr()
    arguments = ["grafana", "push", "--url", grafana.url, "--token", TOKEN, "--json", *options]
    await asyncio.to_thread(main, arguments)
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    assert "hunter2" not in said.out + said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def states(said: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["state"] for item in said["items"]}


def words(said: dict[str, Any], name: str) -> str:
    return next(str(item["words"]) for item in said["items"] if item["name"] == name)


@BOTH
async def test_a_first_push_makes_everything_and_a_second_nothing(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ("--datasource-url", INFLUX, "--notify", "mailto:a@b.vn,c@d.vn", "--lang", "both", "--force")
    async with serving(FakeGrafana(version)) as grafana:
        await push(grafana, *whole)
        before = len(grafana.changes)
        said = await pushed(grafana, capsys, *whole[:-1])
        assert set(states(said).values()) == {"unchanged"}
        assert len(grafana.changes) == before
        assert grafana.datasources["linkgauge-influxdb"]["jsonData"]["dbName"] == "linkgauge"
        assert grafana.secrets["linkgauge-influxdb"]["httpHeaderValue1"].startswith("Basic ")
        assert set(grafana.rules) == {rule.uid for rule in alerts.RULES}
        assert set(grafana.intervals.values()) == {alerts.INTERVAL_S}
        assert grafana.contacts["linkgauge-email"]["settings"]["addresses"] == "a@b.vn;c@d.vn"
        assert [route["receiver"] for route in grafana.tree["routes"]] == ["linkgauge"]
        assert grafana.tree["receiver"] == "grafana-default-email"
        folders = {one["meta"]["folderUid"] for one in grafana.dashboards.values()}
        assert folders == {"linkgauge", "linkgauge-en"}


async def test_without_being_asked_datasource_contacts_and_policies_are_left_alone() -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana)
        assert not grafana.datasources
        assert not grafana.contacts
        assert "routes" not in grafana.tree


async def test_a_dry_run_reads_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--dry-run", "--datasource-url", INFLUX)
        assert grafana.changes == []
        said = capsys.readouterr().out
        assert "would be created datasource  linkgauge-influxdb" in said
        await push(grafana)
        capsys.readouterr()
        await push(grafana, "--dry-run")
        assert capsys.readouterr().out.endswith("unchanged (nothing to change)\n")


@BOTH
async def test_a_dashboard_changed_by_hand_is_kept_until_forced(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(FakeGrafana(version)) as grafana:
        await push(grafana)
        grafana.saved_by_hand("linkgauge-province", title="Của tôi")
        capsys.readouterr()
        await push(grafana, code=1)
        said = capsys.readouterr()
        assert said.err.startswith("linkgauge-collector: 1 of ")
        assert "somebody changed it in Grafana" in said.err
        assert said.err.count("\n") == 1
        assert grafana.dashboards["linkgauge-province"]["dashboard"]["title"] == "Của tôi"
        await push(grafana, "--force")
        assert grafana.dashboards["linkgauge-province"]["dashboard"]["title"] != "Của tôi"
        assert set(states(await pushed(grafana, capsys)).values()) == {"unchanged"}


async def test_what_an_older_push_left_is_brought_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana)
        grafana.saved_by_hand("linkgauge-site", "linkgauge push 0123456789ab", title="as of before")
        grafana.dashboards["linkgauge-site"]["meta"]["folderUid"] = ""  # moved to the top by somebody
        said = states(await pushed(grafana, capsys))
        assert Counter(said.values())["updated"] == 1
        assert said["linkgauge-site"] == "updated"
        assert grafana.dashboards["linkgauge-site"]["meta"]["folderUid"] == ""


async def test_who_saves_between_reading_and_writing_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana)
        grafana.saved_by_hand("linkgauge-site", "linkgauge push 0123456789ab", title="as of before")
        grafana.dashboards["linkgauge-site"]["meta"]["version"] = 99  # a save that our reading has not seen
        said = await pushed(grafana, capsys)
        assert states(said)["linkgauge-site"] == "failed"
        assert "changed by someone else" in words(said, "linkgauge-site")


async def test_rules_keep_their_pause_and_are_kept_when_changed_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--editable")
        grafana.rules["linkgauge-silent"]["isPaused"] = True
        grafana.rules["linkgauge-below"]["for"] = "7d"
        grafana.rules["linkgauge-judge"] = marked({**grafana.rules["linkgauge-judge"], "title": "as of before"})
        said = states(await pushed(grafana, capsys))
        assert said["linkgauge-silent"] == "unchanged"
        assert said["linkgauge-below"] == "refused"
        assert said["linkgauge-judge"] == "updated"
        await push(grafana, "--force")
        assert grafana.rules["linkgauge-below"]["for"] == "10m"
        assert grafana.rules["linkgauge-silent"]["isPaused"]


@BOTH
async def test_policies_of_people_stay_in_the_tree(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "water"]]}
    async with serving(FakeGrafana(version)) as grafana:
        grafana.tree["routes"] = [theirs]
        said = await pushed(grafana, capsys, "--notify", "alertmanager+http://127.0.0.1:9093")
        if grafana.is_old:
            (tree,) = [item for item in said["items"] if item["kind"] == "policies"]
            assert (tree["state"], "would lock the whole tree" in tree["words"]) == ("refused", True)
            assert grafana.tree["routes"] == [theirs]
            return
        assert grafana.tree["routes"][1:] == [theirs]
        assert "provenance" not in grafana.tree
        assert grafana.contacts["linkgauge-alertmanager"]["type"] == "prometheus-alertmanager"


async def test_what_people_made_of_our_branch_and_beside_it_stays(capsys: pytest.CaptureFixture[str]) -> None:
    way = ("--notify", "https://hook.example/a")
    ours = ["product", "=", "linkgauge"]
    urgent = {"receiver": "sms", "object_matchers": [ours, ["severity", "=", "critical"]], "continue": True}
    nested = {"routes": [{"receiver": "sms", "object_matchers": [["cause", "=", "pipe"]]}], "repeat_interval": "4h"}
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, *way)
        grafana.contacts["sms"] = {"name": "sms"}
        grafana.contacts["linkgauge-webhook"]["settings"]["title"] = "Của tôi"
        grafana.tree["routes"] = [urgent, {**grafana.tree["routes"][0], **nested}]
        said = await pushed(grafana, capsys, "--notify", "https://hook.example/b")
        (tree,) = [item for item in said["items"] if item["kind"] == "policies"]
        assert (tree["state"], "--force" in tree["words"]) == ("left", True)
        assert grafana.tree["routes"][1]["repeat_interval"] == "4h"
        assert grafana.contacts["linkgauge-webhook"]["settings"] == {
            "url": "https://hook.example/b", "httpMethod": "POST", "title": "Của tôi",
        }  # fmt: skip
        await push(grafana, *way, "--force")
        assert grafana.tree["routes"][0] == urgent
        assert (grafana.tree["routes"][1]["repeat_interval"], len(grafana.tree["routes"])) == ("1d", 2)
        assert grafana.tree["routes"][1]["routes"] == nested["routes"]
        by_hand = {"receiver": "linkgauge", "matchers": ['product="linkgauge"'], **contacts.TIMES}
        grafana.tree["routes"] = [{**by_hand, "group_by": ["province", "cause"]}]
        await push(grafana, *way)
        assert len(grafana.tree["routes"]) == 1, "written otherwise it takes the same"


async def test_what_comes_from_files_is_left_to_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--datasource-url", INFLUX)
        grafana.datasources["linkgauge-influxdb"] |= {"readOnly": True, "url": "http://elsewhere"}
        grafana.dashboards["linkgauge-site"]["meta"]["provisioned"] = True
        grafana.rules["linkgauge-below"] |= {"provenance": "file", "title": "as the file says"}
        said = await pushed(grafana, capsys, "--datasource-url", INFLUX)
        left = {name for name, state in states(said).items() if state == "left"}
        assert {"linkgauge-influxdb", "linkgauge-site", "linkgauge-below"} <= left
        assert Counter(states(said).values())["failed"] == 0


async def test_half_way_failure_says_what_was_done_and_a_repetition_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        grafana.fail["POST /api/v1/provisioning/alert-rules"] = 500
        await push(grafana, code=1)
        said = capsys.readouterr()
        assert "created          dashboard   linkgauge-province\n" in said.out
        assert (
            "failed           rule        linkgauge-below  (Grafana has a fault of its own (500): not today" in said.out
        )
        assert said.err.startswith("linkgauge-collector: ")
        grafana.fail.clear()
        found = states(await pushed(grafana, capsys))
        assert found["linkgauge-below"] == "created"
        assert found["linkgauge-province"] == "unchanged"


async def test_without_its_folder_no_dashboard_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        grafana.fail["POST /api/folders"] = 403
        said = await pushed(grafana, capsys)
        assert states(said)["linkgauge"] == "failed"
        assert "give its account the role Admin" in words(said, "linkgauge")
        assert states(said)["linkgauge-province"] == "not tried"
        assert not grafana.dashboards


async def test_a_wrong_token_ends_it_at_once_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("glsa_wrong_secret\n")
    async with serving(FakeGrafana("9.4.17")) as grafana:
        arguments = ["grafana", "push", "--url", grafana.url, "--token-file", str(token)]
        assert await asyncio.to_thread(main, arguments) == 1
        said = capsys.readouterr()
        assert "does not accept the token (401)" in said.err
        assert said.err.count("\n") == 1
        assert "glsa_wrong_secret" not in said.out + said.err
        assert said.out.count("not tried") > 5
        assert grafana.changes == []


async def test_below_a_path_and_not_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana(), "/grafana") as grafana:
        await push(grafana)
        assert "linkgauge-province" in grafana.dashboards
        wrong = grafana.url.removesuffix("/grafana")
        capsys.readouterr()
        assert await asyncio.to_thread(main, ["grafana", "push", "--url", wrong, "--token", TOKEN]) == 1
        assert "404" in capsys.readouterr().err
        secure = grafana.url.replace("http:", "https:")
        assert await asyncio.to_thread(main, ["grafana", "push", "--url", secure, "--token", TOKEN]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"linkgauge-collector: {secure} speaks no TLS")
        assert said.count("\n") == 1


@pytest.mark.program("openssl")
async def test_tls_with_an_authority_that_is_named_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = authority(tmp_path)
    async with serving(FakeGrafana(), tls=own.server()) as grafana:
        await push(grafana, code=1)
        said = capsys.readouterr().err
        assert "has a certificate that is not trusted" in said
        assert "name its authority: --ca FILE" in said
        assert said.count("\n") == 1
        await push(grafana, "--ca", str(own.pem))
        assert "linkgauge-site" in grafana.dashboards


async def test_a_grafana_that_is_too_old_or_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana("8.5.3")) as grafana:
        await push(grafana, code=1)
        assert capsys.readouterr().err.endswith("is Grafana 8.5.3; 9.4 or newer is needed\n")
    assert await asyncio.to_thread(main, ["grafana", "push", "--url", grafana.url, "--token", TOKEN]) == 1
    said = capsys.readouterr().err
    assert "cannot be reached: Connection refused" in said
    assert said.count("\n") == 1


async def test_no_answer_in_time_is_told_as_that() -> None:
    async with serving(FakeGrafana(late_s=0.5)) as grafana:
        with (
            Server(grafana.url, TOKEN, timeout_s=0.1) as server,
            pytest.raises(GrafanaError, match=r"gave no answer in 0\.1 s"),
        ):
            await asyncio.to_thread(server.version)


async def test_a_page_instead_of_json_is_no_grafana() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<h1>router</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/api/health", page)
    async with TestServer(app) as site:
        with Server(str(site.make_url("/")), TOKEN) as server, pytest.raises(GrafanaError, match="is no Grafana"):
            await asyncio.to_thread(server.version)


async def test_keys_of_people_in_the_datasource_stay_and_secrets_go_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--datasource-url", INFLUX)
        grafana.datasources["linkgauge-influxdb"]["jsonData"]["tlsSkipVerify"] = True
        grafana.secrets["linkgauge-influxdb"]["httpHeaderValue1"] = "rotated by hand"
        moved = INFLUX.replace("influx.example", "influx2.example")
        assert states(await pushed(grafana, capsys, "--datasource-url", INFLUX))["linkgauge-influxdb"] == "unchanged"
        assert grafana.secrets["linkgauge-influxdb"]["httpHeaderValue1"] == "rotated by hand"
        assert states(await pushed(grafana, capsys, "--datasource-url", moved))["linkgauge-influxdb"] == "updated"
        assert grafana.datasources["linkgauge-influxdb"]["url"] == "http://influx2.example:8086"
        assert grafana.datasources["linkgauge-influxdb"]["jsonData"]["tlsSkipVerify"] is True


async def test_a_folder_has_the_title_that_is_asked_for_and_else_keeps_its_own() -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana)
        grafana.folders["linkgauge"]["title"] = "Băng rộng"
        await push(grafana)
        assert grafana.folders["linkgauge"]["title"] == "Băng rộng"
        await push(grafana, "--folder", "Lạng Sơn")
        assert grafana.folders["linkgauge"]["title"] == "Lạng Sơn"


async def test_links_lead_to_the_page_at_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--page-url", "https://linkgauge.example/")
        found = grafana.dashboards["linkgauge-site"]["dashboard"]["templating"]["list"]
        (page,) = [one for one in found if one["name"] == "page"]
        assert page["query"] == page["current"]["value"] == "https://linkgauge.example"
        again = await pushed(grafana, capsys, "--page-url", "https://linkgauge.example")
        assert set(states(again).values()) == {"unchanged"}
        assert set(states(await pushed(grafana, capsys)).values()) == {"unchanged"}  # what is not said stays


async def test_raw_reports_of_a_policy_of_their_own_are_asked_there(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeGrafana()) as grafana:
        await push(grafana, "--datasource-url", f"{INFLUX}?raw=recent")
        found = grafana.dashboards["linkgauge-site"]["dashboard"]["templating"]["list"]
        assert [one["query"] for one in found if one["name"] == "raw"] == ['"recent".']
        assert 'FROM "recent"."status"' in grafana.rules["linkgauge-pipe-backlog"]["data"][0]["model"]["query"]
        assert set(states(await pushed(grafana, capsys)).values()) == {"unchanged"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--url", "grafana.example", "--token", TOKEN], "--url: not the address of a Grafana"),
        (["--url", "http://admin:pw@h:3000", "--token", TOKEN], "--url: holds a user"),
        (["--url", "http://[::1", "--token", TOKEN], "--url: no address"),
        (["--url", "http://h:3000"], "no token for Grafana"),
        (["--url", "http://h:3000", "--token-file", "/nowhere"], "--token-file: cannot read /nowhere"),
        (["--url", "http://h:3000", "--token", "a b"], "--token-file: holds characters"),
        (["--url", "http://h:3000", "--token", TOKEN, "--notify", "pigeon:home"], "--notify: 'pigeon:…' is no way"),
        (["--url", "http://h:3000", "--token", TOKEN, "--datasource-url", "sqlite:///x"], "Grafana reads no SQLite"),
        (["--url", "http://h:3000", "--token", TOKEN, "--page-url", "linkgauge"], "--page-url: not the address"),
        (["--url", "http://h:3000", "--token", TOKEN, "--ca", "/nowhere"], "--ca: /nowhere is not there"),
    ],
)
def test_wrong_usage_is_one_line_and_2(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grafana", "push", *options]) == 2
    assert said in capsys.readouterr().err
