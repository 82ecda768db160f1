"""`ledger show`: every number is explained in plain words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.__main__ import main
from tests.collector.ledger.pages import Desk, account, report
from tests.collector.tables import with_tables

NOW = datetime.now(UTC)
DAY = NOW.date() - timedelta(days=1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(f'[registry]\nurl = "sqlite://{tmp_path}/registry.db"\n')
    desk = Desk(with_tables(tmp_path))
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    desk.registry.add_agent("a2", "s1", now=NOW)
    desk.take(report(1, started=noon), at=noon)
    desk.take(
        account(3, DAY, dropped=[(2, 2)], latency={"planned": 24, "run": 20, "skipped": {"stopped": 4}}),
        report(8, started=NOW),
        at=NOW,
    )
    desk.journal.rejected("a1", "e1", [4, 5])
    desk.journal.flush()
    desk.close()
    return path


def test_every_number_has_its_explanation(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "show", "--config", str(config)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"a1 {DAY} latency 24 20 1 0 stopped:4" in said
    assert f"a1 {NOW.date()} latency 24* - 1 0 -" in said
    assert "a1 epoch e1 numbers 2: dropped" in said
    assert "a1 epoch e1 numbers 4-5: rejected" in said
    assert "a1 epoch e1 numbers 6-7: open, not asked yet" in said


def test_one_agent_and_a_period_can_be_asked_for(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "show", "--config", str(config), "--agent", "a2", "--period", f"{DAY}"]) == 0
    said = capsys.readouterr().out
    assert "a1" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--agent", "nobody"], "nobody has registered the agent 'nobody'"),
        (["--period", "soon"], "'soon' is no period"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["ledger", "show", "--config", str(config), *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
