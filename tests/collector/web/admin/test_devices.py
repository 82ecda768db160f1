"""Devices are registered, moved and revoked by a form, sites are changed by one; errors stand beside their fields."""

import re
from pathlib import Path

from collector.errors import RegistryUnavailable
from collector.registry.site import Site
from tests.collector.web.house import NOW, Province, province

ENGLISH = {"Accept-Language": "en"}


async def text(it: Province, path: str) -> str:
    return await (await it.client.get(path, headers=ENGLISH)).text()


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="(\w*)"', page)
    assert found is not None
    return found[1]


async def test_a_box_that_waits_is_registered_then_moved_then_revoked(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        home = await text(it, "/admin")
        assert "A box is new: which site does it stand at?" in home
        page = await text(it, "/admin/agents/stranger?q=dong dang")
        assert 'value="th-moi"' in page
        assert 'value="th-huu-lung"' not in page
        nameless = await it.client.post("/admin/agents/stranger", data={"site": "th-moi"}, headers=ENGLISH)
        assert (nameless.status, 'id="who-fault"' in await nameless.text()) == (400, True)
        lost = await it.client.post("/admin/agents/stranger", data={"site": "x", "who": "Lan"}, headers=ENGLISH)
        assert "There is no such site" in await lost.text()
        for seen, site in (("", "th-moi"), ("th-moi", "th-huu-lung")):
            body = {"site": site, "who": "Lan", "seen": seen}
            done = await it.client.post("/admin/agents/stranger", data=body, headers=ENGLISH)
            assert f"<small>{site}</small> · <a" in await done.text(), "it is said where it stands now"
            assert it.registry.snapshot().agents["stranger"][-1].value == site
        for act in ({"site": "ub-loc-ninh"}, {"act": "revoke"}):
            body = {"who": "Minh", "seen": "th-moi", **act}
            late = await it.client.post("/admin/agents/stranger", data=body, headers=ENGLISH)
            page = await late.text()
            assert (late.status, "Somebody registered, moved or revoked it meanwhile" in page) == (400, True)
            assert 'name="seen" value="th-huu-lung"' in page, "who looks again sees how it is, and may decide"
        assert it.registry.waiting() == []
        assert 'value="Lan"' in await text(it, "/admin/agents/stranger"), "a name is asked for once"
        await it.client.post("/admin/agents/stranger", data={"act": "revoke", "who": "Lan", "seen": "th-huu-lung"})
        assert it.registry.snapshot().agents["stranger"][-1].value is None
        assert "It was revoked" in await text(it, "/admin/agents/stranger")
        assert it.sources.office is not None
        said = [(one.differences[0].after, one.added) for one in it.sources.office.journal.list(limit=9)]
        assert said == [("", 0), ("th-huu-lung", 0), ("th-moi", 1)]


async def test_a_device_is_registered_by_its_id_and_a_strange_id_is_said(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        strange = await it.client.get("/admin/agents?id=Hộp 1", headers=ENGLISH)
        page = await strange.text()
        assert (strange.status, "did you mean &#39;hop-1&#39;?" in page) == (400, True)
        assert "reserved" in await text(it, "/admin/agents?id=collector")
        assert "Nothing was heard of it yet" in await text(it, "/admin/agents?id=hop-1")
        assert (await it.client.get("/admin/agents/H%E1%BB%99p")).status == 404
        assert (await it.client.post("/admin/agents/collector", data={"site": "th-moi", "who": "x"})).status == 404


async def test_a_site_is_added_and_changed_with_errors_beside_their_fields(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        fields = {"id": "th-x", "name": "Trường X", "kind": "school", "area": "rural", "province": "Lạng Sơn"}
        wrong = await it.client.post(
            "/admin/sites/+", data=fields | {"latitude": "north", "who": "Lan"}, headers=ENGLISH
        )
        page = await wrong.text()
        assert wrong.status == 400
        assert 'id="commune-fault"' in page
        assert "&#39;north&#39; is not a number" in page
        assert 'value="Trường X"' in page, "what was typed stays"
        whole = fields | {"commune": "Hữu Lũng", "who": "Lan"}
        assert "Saved." in await (await it.client.post("/admin/sites/+", data=whole, headers=ENGLISH)).text()
        assert "Saved." in await (await it.client.post("/admin/sites/+", data=whole, headers=ENGLISH)).text()
        twice = await it.client.post("/admin/sites/+", data=whole | {"name": "Trường Y"}, headers=ENGLISH)
        assert "This site is there already" in await twice.text()
        nameless = await it.client.post("/admin/sites/th-x", data=whole | {"who": ""}, headers=ENGLISH)
        assert 'id="who-fault"' in await nameless.text()
        seen = {"seen": seen_in(await text(it, "/admin/sites/th-x"))}
        await it.client.post("/admin/sites/th-x", data=whole | seen | {"id": "th-moi", "name": "Trường Z"})
        site = it.registry.snapshot().site("th-x")
        assert site is not None
        assert site.name == "Trường Z"
        late = await it.client.post("/admin/sites/th-x", data=whole | seen | {"name": "Trường Y"}, headers=ENGLISH)
        page = await late.text()
        assert (late.status, "Somebody changed this site meanwhile" in page) == (400, True)
        assert 'value="Trường Y"' in page, "what was typed stays"
        again = {"seen": seen_in(page), "name": "Trường Y"}
        assert "Saved." in await (await it.client.post("/admin/sites/th-x", data=whole | again, headers=ENGLISH)).text()
        assert (await it.client.get("/admin/sites/nothing")).status == 404


async def test_what_is_no_form_is_no_fault_of_ours(tmp_path: Path) -> None:
    torn = (b"--x\r\nnonsense", "multipart/form-data; boundary=x")
    strange = (b"who=a", "application/x-www-form-urlencoded; charset=nonsense")
    async with province(tmp_path) as it:
        for path in ("/admin/agents/stranger", "/admin/sites/+", "/admin/sites/th-moi"):
            for body, kind in (torn, strange):
                answer = await it.client.post(path, data=body, headers={"Content-Type": kind, **ENGLISH})
                assert (answer.status, "Go back, and choose again" in await answer.text()) == (400, True)


async def test_lists_come_in_pages_and_are_searched_without_marks(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        sites = [Site(f"s-{n:03}", f"Trường số {n}", "school", "rural", "lang-son", "bac-son") for n in range(250)]
        it.registry.import_sites(sites, now=NOW)
        first = await text(it, "/admin/sites")
        assert "1 to 100 of 254" in first
        assert "page=2" in first
        assert "201 to 254 of 254" in await text(it, "/admin/sites?page=99")
        found = await text(it, "/admin/sites?q=truong so 249")
        assert ("s-249" in found, "s-248" in found) == (True, False)
        assert "Bắc Sơn" in found, "places are called as people call them"
        assert "Nothing fits." in await text(it, "/admin/sites?q=zzz")
        assert "12 of 254 sites" in await text(it, "/admin/agents/stranger")


async def test_plans_say_where_they_come_from(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        page = await text(it, "/admin/plans")
        assert "shipped with the program" in page
        assert "1 sites have no plan" in page


async def test_without_the_database_the_page_says_so(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        it.registry.database.close()
        answer = await it.client.get("/admin", headers=ENGLISH)
        assert answer.status == 503
        posted = await it.client.post("/admin/agents/stranger", data={"site": "th-moi", "who": "Lan"})
        assert posted.status == 503
        assert issubclass(RegistryUnavailable, Exception)
        it.registry.database.open()
