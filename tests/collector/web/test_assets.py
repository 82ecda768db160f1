"""Styles and modules under the hash of their tree: kept for a year, never of two releases, and nothing but them."""

import gzip
import json
from pathlib import Path

import pytest
from yarl import URL

from collector.web import assets
from tests.collector.web.house import province

ROOT = Path(__file__).parents[3]


def tree(folder: Path) -> Path:
    (folder / "vendor" / "leaflet").mkdir(parents=True)
    (folder / "style.css").write_text("body { color: black; }\n" * 100, "utf-8")
    (folder / "icon.svg").write_text("<svg/>", "utf-8")
    (folder / "live.js").write_text("export {};", "utf-8")
    (folder / "vendor" / "leaflet" / "leaflet.js").write_text("L = {};", "utf-8")
    (folder / "vendor" / ".built").write_text("12", "utf-8")
    return folder


def test_any_change_is_a_new_address_for_all(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    before = assets.read(folder)
    assert before("live.js") == f"/static/{before.mark}/live.js"
    assert before.find(f"{before.mark}/live.js") == (before.files["live.js"], True)
    assert assets.read(folder).mark == before.mark
    (folder / "style.css").write_text("body {}", "utf-8")
    assert assets.read(folder)("live.js") != before("live.js")
    (folder / "style.css").rename(folder / "other.css")
    assert assets.read(folder).mark not in (before.mark, assets.read(tree(tmp_path / "again")).mark)


def test_what_no_build_makes_must_be_there_and_what_one_makes_may_be_missing(tmp_path: Path) -> None:
    found = assets.read(tree(tmp_path))
    with pytest.raises(KeyError):
        found("stile.css")
    assert found.has("vendor/leaflet/leaflet.js")
    assert not found.has("vendor/uplot/uPlot.min.css")
    assert found("vendor/uplot/uPlot.min.css").endswith("/vendor/uplot/uPlot.min.css")
    assert "vendor/.built" not in found.files


async def test_a_years_copy_under_the_hash_and_a_question_each_time_without(tmp_path: Path) -> None:
    static = assets.read()
    plain = static.files["style.css"].body
    async with province(tmp_path) as it:
        for address, keeping in (
            (static("style.css"), "public, max-age=31536000, immutable"),
            ("/static/style.css", "no-cache"),
            ("/static/0123456789abcdef/style.css", "no-cache"),  # of a release before
        ):
            async with it.client.get(address) as answer:
                assert answer.status == 200
                assert answer.headers["Cache-Control"] == keeping
                assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
                assert await answer.read() == plain
                mark = answer.headers["ETag"]
            async with it.client.get(address, headers={"If-None-Match": mark}) as again:
                assert again.status == 304
                assert again.headers["Cache-Control"] == keeping
                assert await again.read() == b""
        async with it.client.get(static("live.js")) as module:
            assert module.content_type == "text/javascript"
        async with it.client.get("/favicon.ico") as icon:
            assert icon.content_type == "image/svg+xml"


async def test_what_can_be_smaller_on_the_wire_is(tmp_path: Path) -> None:
    static = assets.read()
    asset = static.files["style.css"]
    async with province(tmp_path) as it:
        it.client.session._auto_decompress = False  # noqa: SLF001 - to see the wire
        async with it.client.get(static("style.css"), headers={"Accept-Encoding": "gzip, br"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["Vary"] == "Accept-Encoding"
            wire = await packed.read()
            assert gzip.decompress(wire) == asset.body
            assert len(wire) < len(asset.body) / 2
        async with it.client.get(static("style.css"), headers={"Accept-Encoding": "identity"}) as whole:
            assert "Content-Encoding" not in whole.headers
            assert await whole.read() == asset.body


async def test_nothing_else_can_be_had(tmp_path: Path) -> None:
    mark = assets.read().mark
    async with province(tmp_path) as it:
        for path in (
            "../app.py", "..%2f..%2fapp.py", "%2e%2e/app.py", "x/../../app.py", "/etc/passwd", "%00", "vendor", "",
            "vendor/.built", f"{mark}/../app.py", f"{mark}/%2e%2e/app.py", f"{mark}//style.css", f"{mark}/{mark}/style.css",
        ):  # fmt: skip
            asked = URL(f"{it.client.make_url('/static/')}{path}", encoded=True)
            async with it.client.session.get(asked) as answer:
                assert answer.status == 404, path
                assert "import " not in await answer.text()


@pytest.mark.parametrize("folder", ["deploy/assets", "tests/browser"])
def test_the_locks_name_versions_and_hashes_and_no_addresses(folder: str) -> None:
    wanted = json.loads((ROOT / folder / "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))["packages"]
    assert locked[""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for name, package in locked.items():
        assert not name or package["integrity"].startswith("sha512-")
        assert "resolved" not in package
