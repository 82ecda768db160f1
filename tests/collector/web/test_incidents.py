"""Incidents and maintenance over real HTTP: pages with forms, and JSON; changed from this machine only."""

from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.incidents.history import History
from collector.incidents.incident import Cause, Finding, Group, Severity, State, Subject, What, begun
from collector.incidents.maintenance import Extent
from collector.plans.types import Text
from collector.web.words import Language, Words
from tests.collector.web.house import NOW, Province, province

HOUR = timedelta(hours=1)
EVIL = {"Origin": "http://evil.example"}


def recorded(it: Province) -> tuple[str, str]:
    """A parent of two sites, and one of them that went on by itself; their ids."""
    history = it.sources.casebook
    assert isinstance(history, History)
    words = Text(vi="2/2 điểm mất kết nối.", en="2 of 2 sites reach nothing.")
    finding = Finding("critical", words, {"k": 2, "n": 2, "since": NOW - HOUR}, Text(vi="Kiểm tra", en="Check <it>"))
    group = Group("peer", "langson-dc <1>")
    parent = begun(Subject(None, {"province": "Lạng Sơn"}, group), "outage", NOW, finding)
    parent = msgspec.structs.replace(parent, children=["th-huu-lung", "ub-loc-ninh"])
    evidence = {"samples": [{"started": NOW, "value": 31.5}], "unit": "Mbps"}
    alone = begun(Subject("ub-loc-ninh"), "outage", NOW, Finding("warning", words, evidence), parent=parent.id)
    history.settle(
        {(parent.subject, "outage"): lambda _: [parent], ("ub-loc-ninh", "outage"): lambda _: [alone]}, at=NOW
    )
    return parent.id, alone.id


async def text(it: Province, path: str, status: int = 200) -> str:
    answer = await it.client.get(path)
    assert answer.status == status
    return await answer.text()


async def items(it: Province, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await it.client.get(path)).json())["items"]
    return found


async def test_the_list_is_filtered_by_its_address(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        recorded(it)
        page = await text(it, "/incidents?lang=en")
        assert page.index("critical") < page.index("UBND xã Lộc Ninh")  # the gravest first
        assert "langson-dc &lt;1&gt;" in page
        assert "2 sites" in page
        assert "Check &lt;it&gt;" in page
        only = await text(it, "/incidents?cause=below_target&state=open")
        assert "Trạm Y tế" in only
        assert "langson-dc" not in only
        assert "langson-dc" in await text(
            it, "/incidents?province=lang-son"
        )  # as the list of sites has it in its address
        assert "Tạm không báo" not in page
        assert len(await items(it, "/api/v1/incidents?cause=outage")) == 2
        assert len(await items(it, "/api/v1/incidents?site=ub-loc-ninh&state=open")) == 1
        assert (await it.client.get("/api/v1/incidents?state=strange")).status == 400
        await text(it, "/incidents?state=strange&cause=<script>")


async def test_one_incident_has_its_history_its_sites_and_its_results(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        parent, alone = recorded(it)
        page = await text(it, f"/incidents/{parent}?lang=en")
        assert "Trường Tiểu học Hữu Lũng" in page
        assert "Went on by themselves" in page
        page = await text(it, f"/incidents/{alone}?lang=vi")
        assert "31,5" in page
        assert f"/incidents/{parent}" in page
        assert "mở" in page
        await text(it, "/incidents/nothing", 404)


async def test_forms_work_without_scripts(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        parent, incident = recorded(it)
        path = f"/incidents/{incident}"
        assert (await it.client.post(path, data={"who": "Lan", "action": "resolve"}, headers=EVIL)).status == 403
        for wrong in ({"who": "Lan"}, {"action": "resolve"}, {"who": "Lan", "action": "note"}):
            assert (await it.client.post(path, data=wrong)).status == 400
        form = {"who": "Lan", "action": "silence", "hours": "2", "note": "gọi <VNPT>"}
        answer = await it.client.post(path, data=form, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, path)
        page = await text(it, path)
        assert "gọi &lt;VNPT&gt;" in page
        assert "17:00" in page  # two hours later, in the province
        (found,) = await items(it, "/api/v1/incidents?site=ub-loc-ninh")
        assert (found["state"], found["silenced_until"]) == ("silenced", "2026-11-22T10:00:00Z")
        assert 'value="unsilence"' in await text(it, path)
        assert 'value="unsilence"' not in await text(it, "/incidents")  # there it is told of with its parent
        assert (await it.client.post(f"/api/v1/incidents/{parent}/silence", json={"who": "Lan"})).status == 200
        assert "Báo trở lại" in await text(it, "/incidents")
        form = {"who": "Lan", "action": "unsilence", "hours": "24", "until": "", "note": ""}
        assert (await it.client.post(path, data=form)).status == 200
        assert (await it.client.post(path, data=form)).status == 400  # it is told again already
        (found,) = await items(it, "/api/v1/incidents?site=ub-loc-ninh")
        assert (found["state"], found["silenced_until"]) == ("open", None)
        assert 'value="unsilence"' not in await text(it, path)
        form = {"who": "Lan", "action": "resolve", "hours": ""}
        assert (await it.client.post(path, data=form)).status == 200
        form = {"who": "Lan", "action": "note", "note": "router"}
        assert (await it.client.post(path, data=form)).status == 200
        assert "router" in await text(it, path)


DECISIONS: list[tuple[str, dict[str, Any], int]] = [
    ("silence", {"who": "Lan", "hours": 3}, 200),
    ("silence", {"who": "Lan", "until": "2026-11-22T09:00:00Z"}, 200),
    ("silence", {"who": "Lan", "until": "2026-11-22T07:00:00Z"}, 409),
    ("silence", {"who": "Lan", "until": "2026-11-22T09:00:00Z", "hours": 1}, 409),
    ("silence", {"who": "Lan", "until": "2026-11-22T09:00:00"}, 400),  # of which zone?
    ("silence", {"who": "Lan", "hours": -1}, 400),
    ("unsilence", {"who": "Lan", "note": "xong"}, 200),
    ("unsilence", {"who": "Lan"}, 409),
    ("resolve", {"who": "Lan", "hours": 1}, 409),
    ("note", {"who": "Lan", "note": "asked"}, 200),
    ("note", {"who": "Lan"}, 409),
    ("note", {"who": "Lan", "what": 1}, 400),
    ("forget", {"who": "Lan"}, 404),
]


async def test_decisions_by_json(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        _, incident = recorded(it)
        for action, body, status in DECISIONS:
            answer = await it.client.post(f"/api/v1/incidents/{incident}/{action}", json=body)
            assert answer.status == status, (action, body)
            if status != 200:
                assert answer.content_type == "application/problem+json"
                assert (await answer.json())["status"] == status


async def test_maintenance_is_planned_and_ended_by_form_and_json(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        form = {"extent": "commune", "name": "Hữu Lũng", "starts": "2026-11-22T20:00", "ends": "2026-11-22T22:00",
                "who": "Minh", "note": "đổi cáp"}  # fmt: skip
        assert (await it.client.post("/incidents/maintenance", data=form, headers=EVIL)).status == 403
        assert (await it.client.post("/incidents/maintenance", data=form | {"starts": "soon"})).status == 400
        assert (await it.client.post("/incidents/maintenance", data=form | {"extent": "moon"})).status == 400
        assert (await it.client.post("/incidents/maintenance", data=form | {"extent": "site"})).status == 400
        slip = form | {"extent": "site", "name": "th-huu-lumg"}
        refused = await it.client.post("/incidents/maintenance?lang=en", data=slip)
        assert (refused.status, "did you mean th-huu-lung?" in await refused.text()) == (400, True)
        assert (await it.client.post("/incidents/maintenance", data=form)).status == 200
        assert "đổi cáp" in await text(it, "/incidents")
        (window,) = await items(it, "/api/v1/maintenance")
        assert (window["starts"], window["ended"]) == ("2026-11-22T13:00:00Z", None)
        body = {"extent": "all", "starts": "2026-11-22T08:00:00Z", "ends": "2026-11-22T09:00:00Z", "who": "Minh"}
        assert (await it.client.post("/api/v1/maintenance", json=body, headers=EVIL)).status == 403
        assert (await it.client.post("/api/v1/maintenance", json=body | {"name": "x"})).status == 409
        assert (await it.client.post("/api/v1/maintenance", json=body | {"starts": "x"})).status == 400
        nowhere = body | {"extent": "site", "name": "nosuch"}
        assert (await it.client.post("/api/v1/maintenance", json=nowhere)).status == 409
        made = await (await it.client.post("/api/v1/maintenance", json=body)).json()
        end = f"/api/v1/maintenance/{made['id']}/end"
        assert (await it.client.post(end, json={"who": ""})).status == 400
        assert (await it.client.post(end, json={"who": "Lan"})).status == 200
        assert (await it.client.post(end, json={"who": "Lan"})).status == 409
        assert (await it.client.post(f"/incidents/maintenance/{window['id']}/end", data={"who": "Lan"})).status == 200
        assert "đổi cáp" not in await text(it, "/incidents")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_code_has_words(language: Language) -> None:
    codes = {"step": What, "cause": Cause, "severity": Severity, "incident": State, "extent": Extent}
    words = Words(language, ZoneInfo("Asia/Ho_Chi_Minh"))
    silent = [
        code for kind, names in codes.items() for name in get_args(names) if words.say(code := f"{kind}-{name}") == code
    ]
    assert silent == []
