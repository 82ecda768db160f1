"""How busy the peer says it is, from /proc files of the test's own."""

from pathlib import Path

import pytest

from agent.peer.admission import Admission
from agent.peer.workload import Reading, Workload, ratio, read


def write(proc: Path, *, waited_s: float, cores: list[str]) -> Path:
    (proc / "self").mkdir(parents=True, exist_ok=True)
    (proc / "self/schedstat").write_text(f"999 {int(waited_s * 1e9)} 5\n")
    lines = ["cpu 1 1 1 1 1 1 1 1 1 1", *(f"cpu{number} {ticks}" for number, ticks in enumerate(cores)), "intr 12 0"]
    (proc / "stat").write_text("\n".join(lines) + "\n")
    return proc


def test_a_reading_adds_what_ran_and_what_waited(tmp_path: Path) -> None:
    proc = write(tmp_path, waited_s=2.5, cores=["10 1 20 300 5 6 7 8 90 90"])
    assert read(proc, 1.0, lambda: 1.5) == Reading(1.0, 4.0, ((357, 21),))


@pytest.mark.parametrize("content", ["", "nonsense", "cpu0 a b c d e f g h", "cpu0 0 2"])
def test_what_a_kernel_does_not_count_is_left_out(tmp_path: Path, content: str) -> None:
    assert read(tmp_path / "none", 1.0, lambda: 1.5) == Reading(1.0, 1.5, ())
    write(tmp_path, waited_s=0, cores=[])
    (tmp_path / "stat").write_text(content)
    (tmp_path / "self/schedstat").write_text(content)
    assert read(tmp_path, 1.0, lambda: 1.5) == Reading(1.0, 1.5, ())


def test_the_ratio_is_that_of_the_scarcest() -> None:
    before = Reading(10.0, 5.0, ((100, 10), (100, 10)))
    assert ratio(before, Reading(10.1, 5.1, before.cores)) is None
    assert ratio(before, Reading(11.0, 5.4, ((200, 20), (200, 15)))) == pytest.approx(0.4)
    assert ratio(before, Reading(11.0, 5.4, ((200, 20), (200, 95)))) == pytest.approx(0.85)
    assert ratio(before, Reading(11.0, 6.2, before.cores)) == 1.0
    assert ratio(before, Reading(11.0, 5.4, ((200, 110),))) == pytest.approx(0.4), "a core went offline"


def test_facts_are_read_anew_four_times_a_second_and_forgotten_after_a_pause(tmp_path: Path) -> None:
    admission = Admission(3, streams_per_test=4)
    admission.enter("one", now=0, ends_at=9)
    workload = Workload(admission, max_tests=3, pace_mbps=None, proc=write(tmp_path, waited_s=0, cores=[]))
    assert workload.facts(100.0) == {"Tests": 1, "MaxTests": 3, "Paced": False}
    write(tmp_path, waited_s=0.15, cores=[])
    assert "CPURatio" not in workload.facts(100.2)
    assert workload.facts(100.3)["CPURatio"] == pytest.approx(0.5, abs=0.05)
    write(tmp_path, waited_s=5, cores=[])
    assert workload.facts(100.4)["CPURatio"] == pytest.approx(0.5, abs=0.05), "one reading serves all streams"
    assert workload.facts(100.6)["CPURatio"] == 1.0
    for tenth in range(7, 30):
        workload.facts(100 + tenth / 10)
    assert workload.facts(103.0)["CPURatio"] < 0.1  # type: ignore[operator]  # a number in a dict of anything
    assert "CPURatio" not in workload.facts(200.0)


def test_a_pace_is_told() -> None:
    workload = Workload(Admission(3, streams_per_test=4), max_tests=3, pace_mbps=200)
    facts = workload.facts(1.0)
    assert (facts["Paced"], facts["PaceMbps"]) == (True, 200)
