"""The command line: examples everywhere, one plain line for every fault."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.ingest import Rejected
from collector.quarantine import Quarantine


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(f'[archive]\nurl = "file://{tmp_path}/archive"\n')
    return path


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in ("run", "up", "site", "agent", "plan", "quarantine")),
        *(["site", name] for name in ("import", "export", "list", "add")),
        *(["agent", name] for name in ("add", "list", "revoke")),
        *(["plan", name] for name in ("list", "show", "check")),
        *(["quarantine", name] for name in ("list", "show")),
        [],
    ],
)
def test_every_command_has_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "example" in capsys.readouterr().out


def test_wrong_usage_is_two() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == 2


def test_missing_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 2
    words = capsys.readouterr().err
    assert words.startswith("linkgauge-collector: ")
    assert words.count("\n") == 1


def test_quarantine_can_be_looked_at_without_its_bytes_steering_the_terminal(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quarantine", "list", "--config", str(config)]) == 2
    quarantine = Quarantine(tmp_path / "quarantine.db", limit_bytes=1 << 20, limit_count=10)
    quarantine.open()
    raw = b"\x1b[2Jhostile\xff"
    quarantine.put([Rejected("linkgauge/v1/a1/report", "a1", "malformed", "bad\x1b[2J", raw)], at=datetime.now(UTC))
    quarantine.close()
    capsys.readouterr()
    assert main(["quarantine", "list", "--config", str(config)]) == 0
    listed = capsys.readouterr().out
    assert "malformed" in listed
    assert "\x1b" not in listed
    assert main(["quarantine", "show", "1", "--config", str(config)]) == 0
    assert "\\x1b[2Jhostile" in capsys.readouterr().out
    assert main(["quarantine", "show", "9", "--config", str(config)]) == 1
    assert "nothing with number 9" in capsys.readouterr().err


def test_quarantine_shows_exact_bytes_for_a_pipe(
    tmp_path: Path, config: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    quarantine = Quarantine(tmp_path / "quarantine.db", limit_bytes=1 << 20, limit_count=10)
    quarantine.open()
    quarantine.put([Rejected("t", None, "malformed", "", b"\x00\xff\n")], at=datetime.now(UTC))
    quarantine.close()
    assert main(["quarantine", "show", "1", "--raw", "--config", str(config)]) == 0
    assert capfdbinary.readouterr().out == b"\x00\xff\n"


def test_check_config_says_what_run_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[web]\nlisten = "127.0.0.1:0"\n')
    bad.write_text('[store]\nurl = "influxdb9://x"\n')
    assert main(["check-config", "--config", str(good)]) == 0
    assert "good; roles ingest, judge, web" in capsys.readouterr().out
    assert main(["check-config", "--config", str(bad)]) == 2
    assert "influxdb9" in capsys.readouterr().err
    bad.write_text(f'[web]\noutlines = "{tmp_path}/none.geojson"\n')
    assert main(["check-config", "--config", str(bad)]) == 2
    assert "none.geojson: no such file" in capsys.readouterr().err
