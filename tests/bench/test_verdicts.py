import pytest
from msgspec.structs import replace as changed

from tests.bench.invented import GOOD, run
from tests.bench.store import Figure, Run, Side
from tests.bench.verdicts import Row, outcome, rows


def row(runs: list[Run], case: str, what: str) -> Row:
    return next(row for row in rows(runs) if row.case == case and row.what.startswith(what))


def test_nothing_measured_is_neither_met_nor_missed() -> None:
    assert {row.met for row in rows([])} == {None}


def test_a_clean_row_in_order_meets_all_its_goals() -> None:
    runs = [run("clean/102/40/ipv4", repeat=number) for number in range(3)]
    assert all(row.met for row in rows(runs) if row.case == "clean")


def test_one_wrong_direction_misses_the_worst_error_and_is_named() -> None:
    wrong = changed(GOOD, mbps=96.0)
    found = row([run("clean/102/40/ipv4"), run("clean/42/10/ipv6", repeat=2, up=wrong)], "clean", "worst")
    assert found.met is False
    assert found.misses == ("clean/42/10/ipv6 #2 up -2.50%",)


def test_the_median_data_and_time_have_goals_of_their_own() -> None:
    side = changed(GOOD, mbps=98.0, share=0.3, duration_s=3.0)
    runs = [run("clean/102/40/ipv4", down=side, up=side)]
    for what in ("median", "mean data", "mean time"):
        assert row(runs, "clean", what).met is False
    assert row(runs, "clean", "worst").met is True


@pytest.mark.parametrize(
    "bad",
    [
        run("clean/102/40/ipv4", doubts=["cpu_bound"]),
        run("clean/102/40/ipv4", down=Side(failure="transfer:timeout")),
        run("clean/102/40/ipv4", down=Side(), up=Side(), failure="did not end in 60 s"),
    ],
)
def test_a_doubt_or_a_failure_on_a_clean_line_is_a_defect(bad: Run) -> None:
    found = row([bad], "clean", "doubts and failures")
    assert found.met is False
    assert found.misses


def test_a_doubt_excuses_an_error_on_an_impaired_line_but_not_too_often() -> None:
    wrong = changed(GOOD, mbps=80.0)
    runs = [run("impaired/burst/40/ipv4", repeat=number) for number in range(9)]
    runs.append(run("impaired/burst/40/ipv4", repeat=9, down=wrong, doubts=["not_converged"]))
    assert row(runs, "impaired", "worst").met is True
    assert row(runs, "impaired", "runs with").met is True
    again = run("impaired/burst/40/ipv4", repeat=10, doubts=["not_converged"])
    assert row([*runs[:3], runs[-1], again], "impaired", "runs with").met is False
    assert row([run("impaired/burst/40/ipv4", down=wrong)], "impaired", "worst").met is False


WRONG = Side(mbps=60.0, truth_mbps=98.464)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (run("doubt/paced/ipv4", down=WRONG, doubts=["peer_bound"]), "peer_bound"),
        (run("doubt/paced/ipv4", down=WRONG, doubts=["cpu_bound"]), "wrong"),
        (run("doubt/paced/ipv4", down=WRONG), "wrong"),
        (run("doubt/paced/ipv4"), "right"),
        (run("doubt/busy/ipv4", down=Side(), up=Side(), failure="peer:busy"), "peer:busy"),
        (run("doubt/busy/ipv4", down=Side(failure="peer:busy")), "peer:busy"),
        (run("doubt/busy/ipv4", down=Side(failure="transfer:reset")), "wrong"),
        (run("doubt/busy/ipv4", down=Side(), up=Side(), failure="exit 1: Traceback"), "wrong"),
        (run("doubt/busy/ipv4", down=Side()), "wrong"),
    ],
)
def test_a_confident_wrong_number_is_the_one_thing_not_allowed(what: Run, word: str) -> None:
    assert outcome(what) == word
    assert row([what], "must doubt", what.cell).met is (word != "wrong")


def test_bounds_that_hold_the_truth_or_a_doubt_are_enough_in_nine_of_ten() -> None:
    off = changed(GOOD, truth_mbps=70.0)
    runs = [run("lte/ipv4", repeat=number) for number in range(9)] + [run("lte/ipv4", repeat=9, down=off, up=off)]
    assert row(runs, "lte/ipv4", "truth").met is True
    assert row(runs[4:], "lte/ipv4", "truth").met is False
    doubted = changed(runs[-1], doubts=["not_converged"])
    assert row([*runs[4:-1], doubted], "lte/ipv4", "truth").met is True


def test_a_steady_share_is_the_mean_of_its_own_lines_looks() -> None:
    own = changed(GOOD, truth_mbps=None)
    looks = [
        run("rival/bbr/ipv4", tool="share", repeat=at, down=Side(mbps=mbps)) for at, mbps in ((0, 97.0), (10, 99.8))
    ]
    other = run("rival/cubic/ipv4", tool="share", down=Side(mbps=10.0))
    found = row([*looks, other, run("rival/bbr/ipv4", down=own, up=own)], "rival/bbr/ipv4", "truth")
    assert found.met is True
    assert "2 inside" in found.found


def test_we_must_be_nearer_than_each_peer_with_a_quarter_of_its_data() -> None:
    theirs = changed(GOOD, mbps=97.0, link_bytes=130_000_000)
    near = run("clean/102/40/ipv4", tool="iperf3", down=changed(GOOD, mbps=98.46, link_bytes=20_000_000))
    runs = [run("clean/102/40/ipv4"), run("clean/102/40/ipv4", tool="fixed", down=theirs, up=theirs), near]
    assert row(runs, "peers", "mean error, ours : fixed").met is True
    assert row(runs, "peers", "data, ours : fixed").met is True
    assert row(runs, "peers", "mean error, ours : iperf3").met is False
    assert row(runs, "peers", "data, ours : iperf3").met is False
    assert row(runs, "peers", "speedtest-cli").met is None


def test_only_links_that_both_measured_are_compared() -> None:
    far_off = run("clean/1000/80/ipv4", down=changed(GOOD, mbps=50.0))
    theirs = run("clean/102/40/ipv4", tool="iperf3", down=changed(GOOD, mbps=97.0))
    found = row([run("clean/102/40/ipv4"), far_off, theirs], "peers", "mean error, ours : iperf3")
    assert found.met is True
    assert found.runs == 1


def test_budget_deadline_and_cost_are_hard_limits() -> None:
    side = changed(GOOD, link_bytes=11_600_000, duration_s=10.6)
    runs = [run("budget/120/40/ipv4", up=side)]
    assert row(runs, "budget", "bytes").met is False
    assert row(runs, "deadline", "longest").met is False
    assert (
        row([run("budget/120/40/ipv4", down=changed(GOOD, link_bytes=11_400_000), up=GOOD)], "budget", "bytes").met
        is False
    )
    figures = {"client CPU": Figure(0.2, "s/GB", 0.35), "peak RSS": Figure(60, "MB", 45), "peer": Figure(1, "s/GB")}
    cost = run("cost", tool="cost", figures=figures)
    assert row([cost], "cost", "client CPU").met is True
    assert row([cost], "cost", "peak RSS").met is False
