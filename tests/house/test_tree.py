"""The tree says what the README says, and forbidden names and shortcuts stay out."""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

from agent import config as agent_config
from agent.probes import PROBES
from agent.wire.results import RESULTS
from collector import config as collector_config
from tests.house.keys import keys_of

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for side in ("agent", "collector", "dashboards") for path in (ROOT / side).rglob("*.py"))
DUMPING_GROUNDS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "handler", "processor"}
CATCH_ALLS = {"agent/measure.py", "agent/peer/server.py", "collector/subscribe.py"}
README = (ROOT / "README.md").read_text("utf-8")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_module_is_a_dumping_ground(path: Path) -> None:
    assert path.stem not in DUMPING_GROUNDS


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_only_one_place_a_process_catches_everything(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    broad = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)  # tidied up, and passed on
    ]
    assert not broad or _name(path) in CATCH_ALLS, f"lines {broad}"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_every_module_is_one_readable_concept(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 450


def test_the_readme_maps_every_part_of_the_tree() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    top = {line.split("/")[0] + "/" for line in tracked if "/" in line and not line.startswith(".")}
    missing = [name for name in sorted(top) if f"`{name}`" not in README]
    assert not missing


def test_every_probe_went_all_five_steps() -> None:
    example = tomllib.loads((ROOT / "deploy/agent/agent.toml").read_text("utf-8"))
    for kind in PROBES:
        assert kind in RESULTS
        assert list((ROOT / "tests/contract/samples/v1").glob(f"report-{kind}*.json"))
        assert (ROOT / f"agent/probes/{kind}.py").exists()
        assert kind in example["schedule"]
        assert f"| `{kind}` |" in README


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        pytest.param(agent_config.AgentConfig, "deploy/agent/agent.toml", id="agent"),
        pytest.param(collector_config.CollectorConfig, "deploy/collector/collector.toml", id="collector"),
    ],
)
def test_every_key_is_documented_in_the_example(kind: type, example: str) -> None:
    text = (ROOT / example).read_text("utf-8")
    missing = [key for key in keys_of(kind) if f"{key} =" not in text]
    assert not missing


def test_nothing_names_this_machine_or_a_download_host() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    forbidden = [f"{ROOT}/", "pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org"]
    for name in tracked:
        content = (ROOT / name).read_bytes() if (ROOT / name).exists() else b""
        found = [word for word in forbidden if word.encode() in content]
        assert not found, name
