"""Interface minus test: never traffic that was not there, whatever the counters do. The second flow: test_gathering."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evidence import counters
from agent.evidence.counters import Count, CounterReading, Own, other_mbps, rate_mbps
from tests.agent.evidence.board import places, write

STATISTICS = "class__net__eth0__statistics__"


def at(at_s: float, octets: int, packets: int) -> CounterReading:
    return CounterReading(at_s, Count(octets, packets), None)


def test_a_reading_of_files(tmp_path: Path) -> None:
    machine = places(tmp_path)
    assert counters.read(machine, "eth0", at_s=1.0) == CounterReading(1.0)
    figures = {"rx_bytes": 5, "rx_packets": 1, "tx_bytes": 9}
    write(machine.sysfs, **{f"{STATISTICS}{name}": value for name, value in figures.items()})
    assert counters.read(machine, "eth0", at_s=1.0) == CounterReading(1.0, Count(5, 1), None)


@pytest.mark.parametrize(
    ("first", "last", "mbps"),
    [
        pytest.param((1000, 10), (251_000, 200), 1.0, id="grew"),
        pytest.param((2**32 - 100_000, 10), (150_000, 200), 1.0, id="32 bits ran over"),
        pytest.param((3_000_000_000, 5000), (250_000, 200), None, id="came up anew"),
        pytest.param((2**32 + 5, 10), (5, 200), None, id="64 bits cannot have run over"),
        pytest.param((5, 10), (5, 10), 0.0, id="silent"),
        pytest.param((100, 10), (50, 10), None, id="fell without a packet"),
    ],
)
def test_rates(first: tuple[int, int], last: tuple[int, int], mbps: float | None) -> None:
    assert rate_mbps(at(0.0, *first), at(2.0, *last), "rx") == mbps
    assert rate_mbps(at(0.0, *first), at(2.0, *last), "tx") is None
    assert rate_mbps(at(2.0, *first), at(2.0, *last), "rx") is None


def readings(octets: float, packets: float, *, seconds: float = 2.0) -> list[CounterReading]:
    """An even flow over `seconds`, read four times a second, from long before until long after."""
    ticks = range(-4, int(seconds * 4) + 5)
    share = [min(1.0, max(0.0, tick / (seconds * 4))) for tick in ticks]
    return [at(tick / 4, round(octets * part), round(packets * part)) for tick, part in zip(ticks, share, strict=True)]


@given(
    payload=st.integers(0, 2_000_000_000),
    mss=st.integers(536, 1460),
    headers=st.integers(54, counters.HEADERS_BYTES),
    seconds=st.floats(0.5, 12.0),
    supers=st.booleans(),
)
def test_a_test_alone_is_never_traffic_of_others(
    payload: int, mss: int, headers: int, seconds: float, *, supers: bool
) -> None:
    packets = payload / (65_160 if supers else mss)
    moved = payload * 1.004 + packets * headers
    own = Own(0.0, seconds, payload, pmtu_bytes=mss + 52)
    assert other_mbps(readings(moved, packets, seconds=seconds), "rx", own) == pytest.approx(0.0, abs=0.01)


def test_a_test_over_small_packets_with_the_headers_of_all_counted_by_the_card() -> None:
    payload = 25_000_000
    moved = payload + payload / 1208 * 66
    assert other_mbps(readings(moved, payload / 65_160), "rx", Own(0.0, 2.0, payload)) == 0.0


@pytest.mark.parametrize("seconds", [2.0, 10.0])
def test_traffic_of_others_is_seen_and_not_exaggerated(seconds: float) -> None:
    own, other = 100e6 / 8 * seconds, 25e6 / 8 * seconds
    packets = (own + other) / 1448
    found = other_mbps(
        readings(own + other + packets * 66, packets, seconds=seconds), "rx", Own(0.0, seconds, round(own))
    )
    assert found is not None
    assert 12.0 < found <= 25.0


def test_small_packets_of_others_are_not_taken_for_our_headers() -> None:
    """Calls, games and floods: a hundred thousand packets of 100 bytes beside 50 Mbit/s."""
    own, other = 12_500_000, 10_000_000
    packets = own / 1448
    found = other_mbps(readings(own + packets * 66 + other, packets + 100_000), "rx", Own(0.0, 2.0, own, 1500))
    assert found is not None
    assert 25.0 < found <= 40.0


def test_only_what_moved_while_the_test_ran_counts() -> None:
    flow = readings(25_000_000, 17_000)
    assert other_mbps(flow, "rx", Own(0.5, 1.5, 0)) == pytest.approx(100.0, rel=0.01)
    assert other_mbps(flow, "rx", Own(2.1, 2.9, 0)) == 0.0


@pytest.mark.parametrize(
    "flow",
    [
        [],
        [CounterReading(0.0), CounterReading(1.0)],
        [at(0.0, 5000, 50), at(1.0, 10, 1)],
        [at(0.0, 5000, 50), CounterReading(1.0)],
    ],
)
def test_an_interface_that_went_or_came_up_anew_tells_nothing(flow: list[CounterReading]) -> None:
    assert other_mbps(flow, "rx", Own(0.0, 1.0, 0)) is None
    assert other_mbps(flow, "rx", Own(1.0, 1.0, 0)) is None
