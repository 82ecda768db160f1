from pathlib import Path

from tests.bench.cells import plan
from tests.bench.store import Run, Side, Store


def a_run(cell: str = "clean/42/10/ipv4", tool: str = "own", repeat: int = 0, failure: str | None = None) -> Run:
    sides = {"down": Side(mbps=40.5, truth_mbps=40.544)}
    return Run(cell, tool, repeat, "2026-01-02T03:04:05+00:00", "abc", 4.5, sides=sides, failure=failure)


def test_what_is_stored_is_read_and_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "runs.jsonl"
    Store.opened(path).add(a_run())
    store = Store.opened(path)
    assert store.runs == {a_run().key: a_run()}
    jobs = plan(cases=["clean"], pattern="clean/42/10/ipv4", repeats=2, peers=False)
    assert [job.repeat for job in store.left(jobs)] == [1]


def test_a_line_cut_short_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    Store.opened(path).add(a_run())
    with path.open("ab") as file:
        file.write(b'{"cell":"clean/4')
    Store.opened(path).add(a_run(repeat=1))
    assert [run.repeat for run in Store.opened(path).runs.values()] == [0, 1]


def test_fresh_puts_aside_and_deletes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    Store.opened(path).add(a_run())
    assert Store.opened(path, fresh=True).runs == {}
    assert Store.opened(tmp_path / "runs.jsonl.before").runs


def test_a_failure_of_ours_is_a_result_and_one_of_another_program_is_tried_again(tmp_path: Path) -> None:
    store = Store.opened(tmp_path / "runs.jsonl")
    jobs = plan(cases=["clean"], pattern="clean/42/10/ipv4", repeats=1)
    for tool in ("own", "iperf3", "speedtest", "fixed"):
        store.add(a_run(tool=tool, failure="exit 1: no"))
    assert {job.tool for job in store.left(jobs)} == {"iperf3", "speedtest", "fixed"}


def test_an_error_needs_a_figure_and_a_truth() -> None:
    error = Side(mbps=99.0, truth_mbps=100.0).error
    assert error is not None
    assert round(error, 6) == -0.01
    assert Side(mbps=99.0).error is None
    assert Side(truth_mbps=99.0).error is None
