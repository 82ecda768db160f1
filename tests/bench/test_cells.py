import pytest

from tests.bench.cells import CASES, PEERS, RUNS_PER_SHARE, batches, cells, plan
from tests.bench.lte import LENGTH_S, lte_trace

FIVE_MINUTES_S = 300


def test_the_table_has_every_link_of_the_goals_once() -> None:
    names = [cell.name for cell in cells()]
    assert len(names) == len(set(names))
    assert sum(cell.case == "clean" for cell in cells()) == 7 * 3 * 2
    assert {cell.case for cell in cells()} == set(CASES)


def test_the_quick_run_takes_both_families_and_less_than_five_minutes() -> None:
    jobs = plan(quick=True)
    clean = [job for job in jobs if job.cell.case == "clean" and job.tool == "own"]
    assert len(clean) == 4 * 2
    assert {job.cell.family for job in clean} == {"ipv4", "ipv6"}
    assert {job.tool for job in jobs} == {"own", *PEERS}
    assert sum(job.seconds for job in jobs) < FIVE_MINUTES_S


def test_repeats_are_ours_and_the_others_run_once_a_cell() -> None:
    jobs = plan(cases=["clean"], pattern="clean/102/40/*", repeats=3)
    assert [job.tool for job in jobs].count("own") == 6
    assert [job.tool for job in jobs].count("iperf3") == 2
    assert len({job.key for job in jobs}) == len(jobs)


def test_our_own_runs_come_first_and_never_share_the_machine() -> None:
    jobs = plan()
    first = next(number for number, job in enumerate(jobs) if job.tool in PEERS)
    assert all(job.tool in PEERS for job in jobs[first:])
    assert {job.tool for job in jobs if job.in_lanes} == {"iperf3", "speedtest"}
    assert not any(job.in_lanes for job in jobs if (job.cell.down.rate_mbps or 0) > 200)


def test_a_look_at_the_truth_comes_before_the_runs_it_is_for() -> None:
    jobs = plan(cases=["rival"], pattern="rival/bbr/*")
    assert [job.tool for job in jobs].count("share") == 20 / RUNS_PER_SHARE
    assert jobs[0].tool == "share"
    assert jobs[RUNS_PER_SHARE + 1].tool == "share"


def test_one_lab_serves_both_families_of_a_link() -> None:
    jobs = plan(cases=["clean"], pattern="clean/*/10/*", repeats=2, peers=False)
    groups = batches(jobs)
    assert len(groups) == 7
    assert all({job.cell.family for job in group} == {"ipv4", "ipv6"} for group in groups)
    assert [job for group in groups for job in group] == jobs


def test_a_pattern_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        plan(pattern="nowhere")


def test_a_seed_makes_the_same_minute_and_another_seed_another() -> None:
    assert lte_trace(3) == lte_trace(3)
    assert lte_trace(3) != lte_trace(4)


@pytest.mark.parametrize("seed", range(20))
def test_a_mobile_line_stays_between_its_bounds_and_wanders(seed: int) -> None:
    trace = lte_trace(seed, least_mbps=8, most_mbps=120)
    rates = [step.rate_mbps for step in trace]
    assert sum(step.ms for step in trace) == LENGTH_S * 1000
    assert min(rates) >= 8
    assert max(rates) <= 120
    assert max(rates) > 2.5 * min(rates)
