"""`linkgauge-collector archive …`, as it is typed."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.archive.archive import Archive
from collector.archive.commands import period
from collector.errors import UsageError
from tests.collector.entries import AT, entry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    config = tmp_path / "collector.toml"
    config.write_text(f'[archive]\nurl = "file://{tmp_path}/archive"\n')

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["archive", *words, "--config", str(config)])
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Two days, closed; 40 single reports on the first."""
    archive = Archive(tmp_path / "archive")
    archive.open()
    for seq in range(1, 41):
        archive.append([entry(seq, started=f"2026-11-{20 + seq % 3}T12:00:00Z", agent=f"a{seq % 2}")], at=AT)
    archive.append([entry(41)], at=AT + timedelta(days=1))
    archive.close()
    return archive


def test_no_archive_is_said_in_one_line(run: Run) -> None:
    assert run("list")[::2] == (2, run("list")[2])
    assert "there is no such folder" in run("list")[2]


@pytest.mark.usefixtures("archive")
def test_days_are_listed_and_packed_closer(run: Run) -> None:
    code, out, _ = run("list")
    assert (code, out.splitlines()[1].split()[:3]) == (0, [".", "2026-11-22", "40"])
    code, out, _ = run("seal")
    assert code == 0
    assert "2026-11-22: " in out
    code, after, _ = run("list")
    assert after.splitlines()[1].endswith("  sealed")
    assert after.splitlines()[-1].startswith("41 reports, ")
    assert run("seal")[1] == ""
    assert run("verify")[0] == 0


def test_what_a_collector_is_writing_is_left_to_it(run: Run, archive: Archive) -> None:
    archive.open()
    code, out, err = run("seal")
    assert (code, out) == (0, "")
    assert "a running collector seals by itself" in err
    assert run("verify")[0] == run("list")[0] == 0
    archive.close()


def test_one_report_is_shown_to_the_byte(run: Run, archive: Archive) -> None:
    archive.open()
    one = entry(7, agent="other", note="Hữu Lũng")
    archive.append([one], at=AT + timedelta(days=1))
    archive.close()
    assert run("show", one.head.id) == (0, one.raw.decode(), "")
    code, _, err = run("show", entry(1).head.id)
    assert (code, "no such report" in err) == (1, True)
    assert run("show", "x")[0] == 2


@pytest.mark.usefixtures("archive")
def test_reports_of_an_agent_and_a_period_come_one_a_line(run: Run) -> None:
    code, out, _ = run("cat", "--agent", "a1", "--period", "2026-11-21")
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert {one["seq"] for one in found} == {seq for seq in range(1, 41, 2) if seq % 3 == 1}
    assert run("cat", "--agent", "a1", "--period", "2025")[1] == ""
    assert run("cat", "--agent", "a9", "--period", "2026") == (0, "", "no reports of agent a9 in 2026\n")


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("2026-11-22", date(2026, 11, 22), date(2026, 11, 23)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2026", date(2026, 1, 1), date(2027, 1, 1)),
        ("2026-01..2026-02-03", date(2026, 1, 1), date(2026, 2, 4)),
    ],
)
def test_periods(text: str, first: date, end: date) -> None:
    assert period(text) == (first, end)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13", "2026-02-30", "..", "2026-1"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no period"):
        period(text)


@pytest.mark.parametrize("sealed", [False, True])
def test_damage_is_named(run: Run, archive: Archive, *, sealed: bool) -> None:
    path = archive.folder / "2026/2026-11-22.zst"
    if sealed:
        run("seal")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    code, out, _ = run("verify")
    assert code == 1
    if sealed:  # the only frame of the file
        assert "2026/2026-11-22.zst: 0 reports" in out
    else:
        assert "2026/2026-11-22.zst: 39 reports" in out
        assert "DAMAGED at bytes" in out
    assert "2026/2026-11-23.zst: 1 reports" in out
    assert run("verify", "--day", "2026-11-23")[0] == 0


def test_keys_that_are_wrong_are_named(run: Run, archive: Archive) -> None:
    keys = archive.folder / "2026/2026-11-22.zst.keys"
    content = bytearray(keys.read_bytes())
    content[-5] ^= 0xFF
    keys.write_bytes(content)
    code, out, _ = run("verify")
    assert code == 1
    assert "2026-11-22.zst.keys: is damaged" in out
    keys.unlink()
    archive.open()
    archive.close()
    assert run("verify")[0] == 0


def test_a_second_copy_in_another_slot_is_named_and_given_once(run: Run, tmp_path: Path) -> None:
    one, two = (Archive(tmp_path / "archive", slot=slot) for slot in ("1", "2"))
    twin = entry(1, started="2026-11-22T12:00:00Z")
    for archive, others in ((one, [entry(2, started="2026-11-22T12:00:00Z")]), (two, [])):
        archive.open()
        archive.append([twin, *others], at=AT)
        archive.close()
    code, out, _ = run("verify")
    assert code == 0
    assert out.splitlines() == [
        "1/2026/2026-11-22.zst: 2 reports",
        "2/2026/2026-11-22.zst: 1 reports, 1 of them second copies, which do no harm",
    ]
    code, out, _ = run("cat", "--agent", "a1", "--period", "2026-11-22")
    assert sorted(json.loads(line)["seq"] for line in out.splitlines()) == [1, 2]
