"""`store refill` at the terminal."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.archive.archive import Archive, Entry, head_of
from collector.ledger.ledger import Ledger
from collector.registry.registry import Registry
from tests.collector.rig import NOW, SITE, report
from tests.collector.tables import with_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive with three reports of a1 and one of a2, whom nobody registered, and an empty store."""
    registry = Registry(with_tables(tmp_path))
    registry.open()
    registry.import_sites([SITE], now=NOW)
    registry.add_agent("a1", "s1", now=NOW)
    registry.close()
    archive = Archive(tmp_path / "archive")
    archive.open()
    entries = [
        Entry(head_of(str(uuid.uuid4()), place=(agent, "e1", seq), kind="latency"), json.dumps(one).encode())
        for agent, seq in (("a1", 1), ("a1", 2), ("a1", 3), ("a2", 1))
        for one in [report(seq, agent=agent)]
    ]
    archive.append(entries, at=NOW)
    archive.close()
    (tmp_path / "c.toml").write_text(
        f'[registry]\nurl = "sqlite://{tmp_path}/registry.db"\n[archive]\nurl = "file://{tmp_path}/archive"\n'
        f'[store]\nurl = "sqlite://{tmp_path}/series.db"\n'
    )
    return tmp_path


def refill(folder: Path, *arguments: str) -> int:
    return main(["store", "refill", *arguments, "--config", str(folder / "c.toml")])


def touched(folder: Path) -> list[tuple[str, str, datetime]]:
    registry = Registry(with_tables(folder))
    registry.open()
    found = [(one.measurement, one.site, one.hour) for one in Ledger(registry.database).touched(10)]
    registry.close()
    return found


def test_the_configured_store_is_filled_and_roll_ups_are_due(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refill(folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 reports read, 3 points written\n")
    assert "without a site: 1 reports of agents nobody registered: a2 1\n1 hours of sites are marked" in out
    assert touched(folder) == [("latency", "s1", datetime(2026, 11, 22, 11, tzinfo=UTC))]


def test_another_store_gets_the_points_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = f"sqlite://{folder}/other.db"
    assert refill(folder, "--to", other, "--period", "2026-11") == 0
    assert "3 points written\n" in (out := capsys.readouterr().out)
    assert "roll-ups are not in there" in out
    assert (touched(folder), (folder / "series.db").exists()) == ([], False)
    assert main(["store", "copy", other, f"sqlite://{folder}/third.db", "--config", str(folder / "c.toml")]) == 0


def test_mistakes_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refill(folder, "--period", "soon") == 2
    assert refill(folder, "--to", "mysql://here") == 2
    assert refill(folder, "--period", "2025") == 0
    assert "nothing to write" in capsys.readouterr().err
    (folder / "archive").rename(folder / "away")
    assert refill(folder) == 2
    assert "no such folder" in capsys.readouterr().err
