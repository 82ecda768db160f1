"""Styles and modules under the hash of their tree: kept for a year, never of two releases, and nothing but them."""

import gzip
import json
import shutil
import subprocess
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
            "vendor/.built", f"{mark}/../app.py", f"{mark}/%2e%2e/app.py", f"{mark}//style.css",
            f"{mark}/{mark}/style.css",
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


def checkout(folder: Path, npm: str) -> dict[str, str]:
    """The build's own files in a tree of their own, and a path on which `npm` is this script."""
    for name in ("deploy/assets", "programs", "collector/web/static"):
        (folder / name).mkdir(parents=True)
    for name in ("build", "packages", "package.json", "package-lock.json"):
        shutil.copy(ROOT / "deploy/assets" / name, folder / "deploy/assets")
    for name, script in (("npm", npm), ("node", "exit 0")):
        program = folder / "programs" / name
        program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        program.chmod(0o755)
    return {"PATH": f"{folder}/programs:/usr/bin:/bin", "TMPDIR": str(folder)}


def build(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(folder / "deploy/assets/build")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own


FAKE_NPM = """
[ "$1" = --version ] && exit 0
for file in uplot/dist/uPlot.iife.min.js uplot/dist/uPlot.min.css leaflet/dist/leaflet.js leaflet/dist/leaflet.css \\
  leaflet/dist/images/marker.png supercluster/dist/supercluster.min.js uplot/LICENSE leaflet/LICENSE \\
  supercluster/LICENSE kdbush/LICENSE uplot/src/much.js; do
  mkdir -p "node_modules/$(dirname "$file")"; echo "$file" >"node_modules/$file"
done
"""


def test_a_build_takes_what_is_used_with_its_licences_and_is_not_done_twice(tmp_path: Path) -> None:
    environment = checkout(tmp_path, FAKE_NPM)
    done = build(tmp_path, environment)
    assert done.returncode == 0, done.stderr
    vendor = tmp_path / "collector/web/static/vendor"
    made = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()}
    assert {"leaflet/images/marker.png", "supercluster/supercluster.min.js", "kdbush/LICENSE"} <= made
    assert not any("much" in name for name in made)
    (tmp_path / "programs/npm").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    assert build(tmp_path, environment).stderr == "", "it is there, and nothing was asked of npm"
    with (tmp_path / "deploy/assets/package-lock.json").open("a") as lock:
        lock.write("\n")
    failed = build(tmp_path, environment)
    assert failed.returncode == 1
    assert "npm config get registry" in failed.stderr
    assert {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} == made, "the old one stays"
    assert [path.name for path in vendor.parent.iterdir()] == ["vendor"], "nothing half-made is left"
