"""`linkgauge-collector registry`: what it says before and after."""

from pathlib import Path

import pytest

from collector.__main__ import main
from collector.registry import schema
from tests.collector.registry import old_database


def test_tables_are_checked_and_brought_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "registry.db"
    named = ["--registry", f"sqlite://{path}"]
    assert main(["registry", "check", *named]) == 1
    assert not path.exists()
    old_database.make(path, incidents=True)
    assert main(["registry", "check", *named]) == 1
    assert f"tables of version none, this program needs {schema.HEAD}; make a backup" in capsys.readouterr().err
    assert main(["registry", "upgrade", *named]) == 0
    assert f"tables of version {schema.HEAD}, brought up from none" in capsys.readouterr().out
    assert main(["registry", "upgrade", *named]) == 0
    assert main(["registry", "check", *named]) == 0
    assert "up to date" in capsys.readouterr().out
