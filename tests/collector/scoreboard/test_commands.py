"""`plan show --period` at the terminal: every promise of a plan is there, also of a collector that knows nothing."""

from pathlib import Path

import msgspec
import pytest

from collector.__main__ import main
from collector.plans.load import load_plans


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "collector.toml"
    text = f'[registry]\nurl = "sqlite://{tmp_path}/r.db"\n[store]\nurl = "sqlite://{tmp_path}/s.db"\n'
    path.write_text(text, "utf-8")
    return path


def test_every_promise_is_shown_with_its_verdict(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show = ["plan", "show", "lang-son-2025", "--config", str(config)]
    assert main([*show, "--period", "2026-10"]) == 0
    text = capsys.readouterr().out
    targets = load_plans(None)["lang-son-2025"].targets
    assert text.startswith("lang-son-2025, 2026-10-01 to 2026-10-31: ")
    assert text.count("\n  inconclusive: ") == text.count("\n\n") > len(targets) / 2
    assert main([*show, "--period", "2026-10", "--json"]) == 0
    assert len(msgspec.json.decode(capsys.readouterr().out)["rows"]) == text.count("\n\n")
    assert main(show) == 0
    assert "inconclusive" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"), [(["--period", "October"], "is no period"), (["--period", "9999"], "no period")]
)
def test_what_is_no_period_is_said(
    config: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert main(["plan", "show", "lang-son-2025", "--config", str(config), *more]) != 0
    assert words in capsys.readouterr().err
