"""The delay beside a load: the right moments, honest loss, and never more than may be spent."""

import pytest

from agent.net.small_request import Timed
from agent.speed.loaded_latency import (
    CONNECT_BYTES,
    ECHO_BYTES,
    REQUEST_BYTES,
    RESERVE_LEAST,
    SECURE_BYTES,
    Beside,
    Echo,
    Purse,
    Rules,
    Spent,
    latency,
)
from agent.wire.results import Spread


def echoes(*numbers: int, ms: float = 40.0) -> list[Echo]:
    return [Echo(number, number / 20, ms + number) for number in numbers]


def test_only_what_was_sent_while_the_line_was_full_counts() -> None:
    found = latency(Beside(echoes=echoes(*range(1, 101))), 2.0, 3.0)
    assert found is not None
    assert found.ms == Spread(min=80.0, median=90.0, mean=90.0, p95=99.0, max=100.0)
    assert (found.method, found.loss_ratio) == ("stamp", 0.0)


def test_a_percentile_of_a_few_is_none() -> None:
    found = latency(Beside(echoes=echoes(1, 2, 3, 4)), 0, 1)
    assert found is not None
    assert (found.ms.p95, found.ms.median) == (None, 42.5)
    assert latency(Beside(echoes=echoes(1, 2)), 0, 1) is None


def test_a_packet_between_two_answers_is_lost_one_behind_them_may_be_on_its_way() -> None:
    found = latency(Beside(echoes=echoes(4, 5, 5, 7, 8)), 0, 1)  # 9 and 10 were sent as well
    assert found is not None
    assert found.loss_ratio == 0.2
    assert found.ms.max == 48.0


def test_without_a_reflector_handshakes_stand_in_and_say_nothing_of_loss() -> None:
    parts = [Timed("tcp", at / 10, 30.0 + at) for at in range(10)] + [Timed("http", 0.5, 999.0)]
    found = latency(Beside(parts=parts), 0.15, 1)
    assert found is not None
    assert (found.method, found.loss_ratio, found.ms.min, found.ms.max) == ("tcp", None, 32.0, 39.0)
    assert latency(Beside(parts=parts), 0.75, 1) is None
    # Two packets are too few, so they do not hide eight connections.
    mixed = latency(Beside(echoes=echoes(4, 6), parts=parts), 0.15, 1)
    assert mixed is not None
    assert mixed.method == "tcp"


def test_the_drafts_sets_have_tls_only_where_it_was_spoken() -> None:
    parts = [Timed("tcp", 1.0, 30.0), Timed("tls", 1.1, 31.0), Timed("http", 1.2, 32.0)]
    plain = Beside(parts=parts, requests=True).probes([])
    secure = Beside(parts=parts, requests=True, secure=True).probes([])
    assert plain.tls is None
    assert secure.tls is not None
    assert [probe.ms for one in (secure.tcp, secure.tls, secure.http) for probe in one] == [30.0, 31.0, 32.0]


def test_what_the_probes_moved_is_told_by_direction_and_time() -> None:
    beside = Beside(spent=[Spent(0.5, 1, 10), Spent(1.5, 2, 20), Spent(2.5, 4, 40)])
    assert (beside.octets("download", 1, 3), beside.octets("upload", 0, 2)) == (60, 3)


@pytest.mark.parametrize("mbps", [0.1, 0.5, 1, 5, 20, 100, 1000])
@pytest.mark.parametrize("cost", [CONNECT_BYTES, REQUEST_BYTES, SECURE_BYTES])
def test_probes_take_no_more_than_their_share(mbps: float, cost: int) -> None:
    rules = Rules(per_s=20, share=0.02)
    packets, connections = 1 / rules.packet_gap_s(mbps), 1 / rules.connection_gap_s(cost, mbps)
    assert (packets * ECHO_BYTES + connections * cost) * 8 / 1e6 <= 0.02 * mbps * 1.001
    assert packets <= 20
    assert connections <= (5 if cost == SECURE_BYTES else 10)


def test_a_rate_that_is_not_known_yet_allows_next_to_nothing() -> None:
    assert Rules().packet_gap_s(0.0) > 60


def test_a_budget_is_shared_and_a_small_one_is_the_tests_alone() -> None:
    rules = Rules(per_s=20, share=0.02)
    assert rules.reserve(REQUEST_BYTES, 10, None) is None
    assert rules.reserve(REQUEST_BYTES, 10, 5_000_000) == 100_000
    assert rules.reserve(REQUEST_BYTES, 10, 1_000_000_000) == 10 * (20 * ECHO_BYTES + 10 * REQUEST_BYTES)
    assert rules.reserve(REQUEST_BYTES, 10, RESERVE_LEAST * 50) == RESERVE_LEAST
    assert rules.reserve(REQUEST_BYTES, 10, RESERVE_LEAST * 50 - 50) == 0


def test_a_purse_gives_until_it_is_empty() -> None:
    purse = Purse(100)
    assert [purse.take(60), purse.take(60), purse.take(40), purse.take(1)] == [True, False, True, False]
    assert Purse().take(10**9)
