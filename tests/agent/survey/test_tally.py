"""Levels and classes of a walk: what is compared, and what never is."""

import random
import statistics

from agent.survey.level import level_of, mark_of
from agent.survey.tally import Tally
from agent.wire.results import Radio


def test_the_level_that_is_shown_is_of_the_newest_technology() -> None:
    assert level_of(Radio(rsrp_dbm=-95.0, nr_rsrp_dbm=-101.0)) == ("nr_rsrp_dbm", -101.0)
    assert level_of(Radio(rsrp_dbm=-95.0, rssi_dbm=-60.0)) == ("rsrp_dbm", -95.0)
    assert level_of(Radio(rscp_dbm=-88.0)) == ("rscp_dbm", -88.0)
    assert level_of(Radio(state="searching")) is None


def test_the_same_number_is_another_class_in_5g() -> None:
    assert mark_of(Radio(rsrp_dbm=-102.0)) == "weak", "4G works there: it is no hole"
    assert mark_of(Radio(nr_rsrp_dbm=-102.0)) == "fair"
    assert mark_of(Radio(rssi_dbm=-60.0)) == "unknown"


def test_a_hole_is_where_a_modem_listens_in_vain_and_not_where_it_cannot_listen() -> None:
    assert mark_of(Radio(registration="searching", state="searching")) == "none"
    assert mark_of(Radio(registration="idle", state="enabled")) == "none"
    assert mark_of(Radio(registration="idle", state="disabled")) == "unknown"
    assert mark_of(Radio(registration="denied", state="enabled")) == "unknown"
    assert mark_of(Radio(state="failed", state_reason="sim_missing")) == "unknown"


def test_best_median_and_worst_are_exact_in_constant_memory() -> None:
    chance = random.Random(7)  # noqa: S311 - a test
    tally = Tally()
    for count in (1, 2, 5, 1000):
        values = [round(chance.uniform(-130, -60), 1) for _ in range(count)]
        tally = Tally()
        for value in values:
            tally.add(Radio(rsrp_dbm=value, rssi_dbm=-50.0, latitude=21.0, longitude=106.0))
        levels = tally.levels()
        assert list(levels) == ["rsrp_dbm"]
        found = levels["rsrp_dbm"]
        assert (found.best, found.worst) == (max(values), min(values))
        assert abs(found.median - statistics.median(values)) <= 0.051
    assert (tally.samples, tally.placed) == (1000, 1000)


def test_levels_of_different_generations_are_kept_apart() -> None:
    tally = Tally()
    tally.add(Radio(technology="nr_nsa", operator="A", rsrp_dbm=-90.0, nr_rsrp_dbm=-100.0))
    tally.add(Radio(technology="lte", operator="A", rsrp_dbm=-94.0))
    tally.add(Radio(technology="gsm", mcc_mnc="45204", rssi_dbm=-71.0))
    assert {name: tuple(levels) for name, levels in tally.levels().items()} == {
        "nr_rsrp_dbm": (-100.0, -100.0, -100.0),
        "rsrp_dbm": (-90.0, -92.0, -94.0),
        "rssi_dbm": (-71.0, -71.0, -71.0),
    }
    assert tally.networks == {"A nr_nsa": 1, "A lte": 1, "45204 gsm": 1}


def test_names_without_end_take_no_memory_without_end() -> None:
    tally = Tally()
    for number in range(1000):
        tally.add(Radio(operator=f"operator {number}"))
    assert len(tally.networks) == 20
