"""What is agreed to is what was seen, whole or not at all; what is no table is said beside its field."""

import asyncio
import io
import re
import resource
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientResponse, FormData

from collector.registry.registry import Registry
from collector.registry.sheet_file import xlsx
from collector.web.admin.drafts import AGE, KEPT, Drafts
from collector.web.admin.intake import KINDS
from collector.web.admin.preview import Weighed, previewed
from tests.collector.web.house import NOW, SITES, Province, province

HEADER = "id,name,kind,area,province,commune\n"
GOOD = f"{HEADER}th-moi,Trường Mới,school,urban,Lạng Sơn,Đồng Đăng\nth-x,Trường X,school,rural,Lạng Sơn,Hữu Lũng\n"
ENGLISH = {"Accept-Language": "en"}


async def upload(it: Province, data: bytes, *, kind: str = "sites", name: str = "file.csv") -> ClientResponse:
    form = FormData()
    form.add_field("file", io.BytesIO(data), filename=name)
    return await it.client.post(f"/admin/import/{kind}", data=form, headers=ENGLISH)


async def confirm(it: Province, shown: ClientResponse, *, who: str = "Lan", **other: str) -> ClientResponse:
    mark = re.search(r'name="mark" value="(\w+)"', await shown.text())
    body = {"mark": mark[1] if mark else "", "who": who} | other
    return await it.client.post(shown.url.path, data=body, headers=ENGLISH)


def counts(page: str) -> dict[str, str]:
    return {what.strip(): count for count, what in re.findall(r"<strong>([\d,]+)</strong>([^<]*)", page)}


async def test_a_file_is_shown_then_brought_in_with_a_name(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        shown = await upload(it, GOOD.encode())
        page = await shown.text()
        told = {"with errors": "0", "new": "1", "changed": "1", "unchanged": "0", "not in the file": "3"}
        assert counts(page) == told
        assert "<del>Trường mới</del>" in page
        assert "huu-lung <small>(Hữu Lũng)</small>" in page
        assert it.registry.snapshot().site("th-x") is None, "nothing changes before somebody agrees"
        nameless = await confirm(it, shown, who=" ")
        assert (nameless.status, "write who you are" in await nameless.text()) == (400, True)
        done = await confirm(it, shown, who="Lan")
        assert "Imported." in await done.text()
        assert it.registry.snapshot().site("th-x") is not None
        again = await confirm(it, shown)
        assert again.status == 410, "a second click does nothing"
        (entry,) = it.sources.office.journal.list(limit=9) if it.sources.office else ()
        assert (entry.author.who, entry.author.way, entry.author.about) == ("Lan", "page", "file.csv")
        assert (entry.added, entry.changed, entry.at) == (1, 1, NOW)
        changes = await (await it.client.get("/admin/changes", headers=ENGLISH)).text()
        assert "Lan" in changes
        assert "<ins>Trường Mới</ins>" in changes
        table = await (await it.client.get("/admin/changes?format=csv", headers=ENGLISH)).text()
        assert "2026-11-22T08:00:00Z,Lan,page,sites,file.csv,th-moi,name,Trường mới,Trường Mới\r\n" in table


async def test_what_changed_meanwhile_is_shown_anew_and_nothing_is_brought_in(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        shown = await upload(it, GOOD.encode())
        other = Registry(it.registry.database.address)  # another process, or the terminal
        other.open()
        other.import_sites([SITES[0].__class__("th-x", "Khác", "school", "rural", "lang-son", "huu-lung")], now=NOW)
        other.close()
        renewed = await confirm(it, shown)
        page = await renewed.text()
        assert "Something was changed here meanwhile." in page
        assert (counts(page)["new"], counts(page)["changed"]) == ("0", "2")
        assert "Something was changed" in await (await confirm(it, shown)).text(), "from a tab that shows the old one"
        site = it.registry.snapshot().site("th-moi")
        assert site is not None
        assert site.name == "Trường mới"
        assert "Imported." in await (await confirm(it, renewed)).text()


async def test_two_who_agree_at_once_import_once(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        shown = await upload(it, GOOD.encode())
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(confirm(it, shown, who=who), name=who) for who in ("Lan", "Minh")]
        assert sorted(task.result().status for task in asked) == [200, 410]
        assert it.sources.office is not None
        assert len(it.sources.office.journal.list(limit=9)) == 1


async def test_errors_are_told_by_line_and_the_good_lines_are_compared_all_the_same(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        bad = GOOD + "th-y,Trường Y,schol,rural,Lạng Sơn,Hữu Lũng\nth-z,,school,rural,Lạng Sơn,Hữu Lũng\n"
        shown = await upload(it, bad.encode("utf-8-sig"))
        page = await shown.text()
        assert counts(page) == {
            "with errors": "2",
            "new": "1",
            "changed": "1",
            "unchanged": "0",
            "not in the file": "3",
        }
        assert "did you mean school?" in page
        assert 'name="mark"' not in page
        table = await (await it.client.get(f"{shown.url.path}/errors", headers=ENGLISH)).text()
        assert [line.split(",")[:3] for line in table.splitlines()[1:]] == [["4", "", "kind"], ["5", "", "name"]]
        vi = await (await it.client.get(shown.url.path, headers={"Accept-Language": "vi"})).text()
        assert "có phải school?" in vi
        await confirm(it, shown, mark=previewed(Weighed((), {}, {})).mark)
        assert it.registry.snapshot().site("th-x") is None, "a file goes in whole or not at all"


def bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as to,
    ):
        for _ in range(130):
            to.write(bytes(1_000_000))
    return out.getvalue()


NO_TABLES = (
    (b"", "The file is empty."),
    (b"id,name\n" + b"x" * 10_000_001, "larger than 10 MB"),
    ("id,tên".encode("utf-16"), "not UTF-8"),
    ("id,t\xean".encode("latin-1"), "not UTF-8"),
    (b"%PDF-1.7 ...", "this is no table"),
    (b"\xd0\xcf\x11\xe0" + bytes(600), "old kind (XLS)"),
    (b"PK\x03\x04 nothing", "not a readable XLSX file"),
    (HEADER.replace("kind", "colour").encode(), "unknown column"),
    (b"\n\n" + HEADER.replace(",kind", "").encode() + b"a,b,c,d,e\n", "column kind is missing"),
)


async def test_what_is_no_table_is_said(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for data, said in NO_TABLES:
            answer = await upload(it, data, name="file.xlsx")
            assert said in await answer.text()
            assert answer.status in (200, 400)


async def test_an_archive_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    data = await asyncio.to_thread(bomb)
    assert len(data) < 1_000_000
    async with province(tmp_path) as it:
        assert "unpacks to more than" in await (await upload(it, data)).text()


@contextmanager
def no_room_for(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_file_for_which_there_is_no_room_is_not_kept_by_half(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        with no_room_for(1_000_000):
            answer = await upload(it, b"x" * 1_500_000)
        assert (answer.status, "There is no room for the file" in await answer.text()) == (507, True)
        assert (await upload(it, GOOD.encode())).status == 200


async def test_a_form_without_a_file_and_a_kind_that_there_is_not(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        bare = await it.client.post("/admin/import/sites", data={"x": "y"}, headers=ENGLISH)
        assert (bare.status, "Choose a file first." in await bare.text()) == (400, True)
        torn = await it.client.post(
            "/admin/import/sites", data=b"--x\r\nnonsense", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert torn.status == 400
        assert (await it.client.get("/admin/import/people")).status == 404
        assert (await it.client.get("/admin/drafts/nothing")).status == 410


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_templates_can_be_imported_and_what_is_exported_changes_nothing(tmp_path: Path, form: str) -> None:
    async with province(tmp_path) as it:
        for kind in KINDS:
            template = await (await it.client.get(f"/admin/template/{kind}?format={form}")).read()
            shown = await upload(it, template, kind=kind, name=f"mau.{form}")
            told = counts(await shown.text())
            assert (told["with errors"], told["new"]) == ("0", "2"), kind
            assert "Imported." in await (await confirm(it, shown)).text()
            out = await it.client.get(f"/admin/{kind}?format={form}")
            assert f'{kind}-2026-11-22.{form}"' in out.headers["Content-Disposition"]
            again = counts(await (await upload(it, await out.read(), kind=kind)).text())
            assert (again["with errors"], again["new"], again["not in the file"]) == ("0", "0", "0"), kind


async def test_populations_come_in_as_places_do(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        rows = xlsx([["place", "year", "population", "source"], ["lang-son", "2025", "800000", "Niên giám"]], title="x")
        assert "Imported." in await (await confirm(it, await upload(it, rows, kind="places"))).text()
        assert it.sources.office is not None
        assert it.sources.office.places.populations("lang-son")[0].population == 800_000


async def test_who_is_not_here_sees_and_changes_nothing(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        foreign = {"Origin": "http://elsewhere.example", **ENGLISH}
        form = FormData()
        form.add_field("file", GOOD.encode(), filename="file.csv")
        refused = await it.client.post("/admin/import/sites", data=form, headers=foreign)
        assert (refused.status, "own page only" in await refused.text()) == (403, True)
        named = await (await it.client.get("/admin/sites", headers={"Host": "collector.lan", **ENGLISH})).text()
        assert "Here you can look, and change nothing." in named
        assert "/admin/import/sites" not in named


async def test_what_came_by_a_proxy_or_by_a_strange_name_changes_nothing(tmp_path: Path) -> None:
    strange = ("evil.example", "localhost.evil", "127.0.0.1.", "127.0.0.1:abc", "127.0.0.1:99999", "\udcff", "")
    others = [{"Host": name} for name in strange] + [
        {"X-Forwarded-For": "192.0.2.7"}, {"via": "1.1 proxy"}, {"Origin": "null"}, {"Origin": ""},
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://evil.example"},
    ]  # fmt: skip
    async with province(tmp_path) as it:
        for headers in others:
            (name, value), body = next(iter(headers.items())), b"act=forget&who=Lan"
            host = "" if name == "Host" else f"Host: 127.0.0.1:{it.client.port}\r\n"
            head = f"POST /admin/drafts/x HTTP/1.1\r\n{host}{name}: {value}\r\nConnection: close\r\n"
            kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", it.client.port)
            writer.write((head + kind).encode("utf-8", "surrogateescape") + body)
            assert (await reader.readline()).split()[1] == b"403", headers
            writer.close()
            await writer.wait_closed()


def test_drafts_are_few_and_go_with_time() -> None:
    drafts, preview = Drafts(), previewed(Weighed((), {}, {}))
    tokens = [drafts.put("sites", "a", str(number).encode(), preview, at=NOW) for number in range(KEPT + 1)]
    assert drafts.get(tokens[0], at=NOW) is None
    assert drafts.data(tokens[-1]) == str(KEPT).encode()
    assert drafts.get(tokens[-1], at=NOW + AGE + timedelta(seconds=1)) is None
    assert drafts.held == {}
    drafts.forget(tokens[-1])
    drafts.renew(tokens[-1], preview)
    assert drafts.data(tokens[-1]) is None
