"""When nothing gets through, for whom, and when it is over."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.detect.episode import Episode
from collector.detect.observation import Contact
from collector.detect.outage import FORGET, SURE, State, advance, fold
from tests.collector.detect.series import HOUR, MINUTE, asked
from tests.collector.detect.series import START as BEGIN


def merged(*series: list[Contact]) -> list[Contact]:
    return sorted((one for each in series for one in each), key=lambda one: one.at)


def noisy_site() -> State:
    """A site where one latency report in fifty is lost."""
    return fold(asked(("." * 49 + "x") * 120, start=BEGIN - 600 * HOUR))[0]


def test_three_in_a_row_are_an_outage_from_the_first_on() -> None:
    seen = asked("...xxx")
    before, _ = fold(seen[:-1])
    assert (before.episode, before.since, before.k) == (None, seen[3].at, 2)
    assert 0.6 < before.watch < 0.8
    state, closed = fold(seen)
    assert closed == []
    assert state.episode == Episode(since=seen[3].at, opened=seen[5].at, last=seen[5].at, k=3, n=3)
    assert (state.watch, state.peers, state.elsewhere) == (1.0, frozenset({"peer-1"}), False)


def test_one_that_gets_through_ends_the_row() -> None:
    state, _ = fold(asked("xx.xx.xx."))
    assert (state.episode, state.watch, state.since) == (None, 0.0, None)


def test_it_ends_with_three_in_a_row_that_get_through() -> None:
    seen = asked("xxx..x...")
    state, closed = fold(seen)
    assert closed == [Episode(seen[0].at, seen[2].at, last=seen[8].at, closed=seen[8].at, k=4, n=9)]
    assert (state.episode, state.past, state.watch) == (None, closed[0], 0.0)
    assert fold(seen[:-1])[0].back == 2


def test_where_losses_are_usual_it_takes_four() -> None:
    site = noisy_site()
    assert site.losses["latency"].share == pytest.approx(0.02, abs=0.003)
    assert fold(asked("xxx"), site)[0].episode is None
    assert fold(asked("xxxx"), site)[0].episode is not None


def test_where_losses_are_usual_another_kind_that_fails_is_enough() -> None:
    names = [Contact(BEGIN + 7 * MINUTE, reached=False, kind="dns")]
    state, _ = fold(merged(asked("xxx"), names), noisy_site())
    assert state.episode is not None
    assert state.kinds == frozenset({"dns", "latency"})
    assert state.peers == frozenset({"peer-1"})


def test_where_another_kind_gets_through_its_losses_say_nothing() -> None:
    names = asked("x.x", start=BEGIN + MINUTE, kind="dns")
    state, _ = fold(merged(asked("xxx"), names), noisy_site())
    assert (state.episode, state.elsewhere) == (None, True)
    assert state.evidence == state.worth < SURE


def test_a_kind_that_always_fails_counts_for_nothing() -> None:
    broken = asked("x" * 2000, start=BEGIN - 500 * HOUR, every=15 * MINUTE, kind="ipv6")
    alive = asked("." * 6000, start=BEGIN - 500 * HOUR)
    site, closed = fold(merged(broken, alive))
    assert (site.episode, closed) == (None, [])
    assert site.losses["ipv6"].share > 0.95
    state, _ = fold(merged(asked("xx"), asked("x", start=BEGIN + MINUTE, kind="ipv6")), site)
    assert state.episode is None


def test_other_kinds_alone_are_no_outage() -> None:
    kinds = ("dns", "web", "ipv6", "path", "radio")
    state, _ = fold(merged(*(asked("x" * 20, kind=kind) for kind in kinds)))
    assert state.evidence > SURE
    assert state.episode is None


def test_each_other_kind_counts_once_in_a_row() -> None:
    state, _ = fold(merged(asked("x"), asked("x" * 20, every=MINUTE, kind="dns")))
    assert state.episode is None
    assert state.others < SURE / 2


def test_while_it_lasts_other_kinds_are_noted_and_end_nothing() -> None:
    opened, _ = fold(asked("xxx"))
    names = asked("x.", start=BEGIN + HOUR, kind="dns")
    state, _ = fold(names, opened)
    assert state.episode is not None
    assert (state.episode.k, state.episode.n, state.kinds) == (4, 5, frozenset({"latency", "dns"}))
    assert (state.elsewhere, state.back) == (True, 0)
    assert state.losses == opened.losses, "nothing is learnt from an outage"
    other = advance(state, Contact(BEGIN + 2 * HOUR, reached=False, peer="peer-2"))
    assert other.peers == frozenset({"peer-1", "peer-2"})


def test_a_loss_of_another_kind_does_not_break_the_row_that_is_back() -> None:
    opened, _ = fold(asked("xxx"))
    back = merged(asked("...", start=BEGIN + HOUR), asked("x", start=BEGIN + HOUR + MINUTE, kind="web"))
    assert len(fold(back, opened)[1]) == 1


def test_three_losses_within_a_minute_are_one_moment() -> None:
    seen = asked("xxx", every=timedelta(seconds=20))
    assert fold(seen)[0].episode is None
    assert fold(seen, span=timedelta(0))[0].episode is not None


def test_losses_hours_apart_are_no_row() -> None:
    seen = asked("xxxx", every=FORGET + MINUTE)
    state, _ = fold(seen)
    assert (state.episode, state.since, state.k) == (None, seen[-1].at, 1)
    assert fold(asked("xxx", every=FORGET))[0].episode is not None


def test_a_contact_without_a_peer_names_none() -> None:
    state, _ = fold([Contact(BEGIN, reached=False)])
    assert state.peers == frozenset()


def test_a_fold_may_begin_within_an_episode() -> None:
    known = State(episode=Episode(BEGIN - HOUR, BEGIN - HOUR + 10 * MINUTE, BEGIN, None, 12, 12))
    state, closed = fold(asked("..."), known)
    assert [one.since for one in closed] == [BEGIN - HOUR]
    assert state.episode is None


@given(st.text(".x", max_size=60), st.text(".x", max_size=20), st.integers(min_value=0, max_value=80))
def test_in_parts_is_the_same_as_all_at_once(latency: str, names: str, cut: int) -> None:
    seen = merged(asked(latency), asked(names, every=15 * MINUTE, start=BEGIN + MINUTE, kind="dns"))
    state, closed = fold(seen)
    middle, first = fold(seen[:cut])
    assert fold(seen[cut:], middle) == (state, closed[len(first) :])
    assert 0 <= state.watch <= 1
    assert all(one.since <= one.opened < one.last == one.closed for one in closed)
