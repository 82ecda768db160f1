"""What earlier runs know of a way, and what counts as a change."""

import json

import pytest

from agent.path.ways import ADDRESSES, KEPT, MANY, RUNS, Way, changed, find, last_address, read, walked, write

NAME = "ipv4 udp 192.0.2.7"
HOPS = [["10.0.0.1"], ["203.0.113.1"], ["203.0.113.9"]]


def after(*runs: list[list[str]]) -> Way:
    way = Way(name=NAME)
    for run in runs:
        way = walked(way, run)
    return way


@pytest.mark.parametrize(
    ("now", "is_changed"),
    [
        pytest.param(HOPS, False, id="the same"),
        pytest.param([["10.0.0.1"], ["203.0.113.2"], ["203.0.113.9"]], True, id="another router"),
        pytest.param([["10.0.0.1"], [], ["203.0.113.9"]], False, id="a silent one"),
        pytest.param([["10.0.0.1"], ["203.0.113.2", "203.0.113.1"], []], False, id="a second one beside it"),
        pytest.param([["10.0.0.1"]], False, id="it ends earlier: a failure, not another way"),
        pytest.param([*HOPS, ["198.51.100.1"]], False, id="it goes on"),
        pytest.param([[], [], []], None, id="nothing to compare"),
        pytest.param([], None, id="nobody"),
    ],
)
def test_what_is_a_change(now: list[list[str]], is_changed: bool | None) -> None:  # noqa: FBT001 - a table
    assert changed(after(HOPS), now) is is_changed


def test_a_first_run_has_nothing_to_compare_with() -> None:
    assert changed(None, HOPS) is None
    assert changed(Way(name=NAME), HOPS) is None


def test_equal_ways_side_by_side_are_a_change_once() -> None:
    other = [["10.0.0.1"], ["203.0.113.2"], ["203.0.113.9"]]
    way = after(HOPS)
    assert changed(way, other) is True
    way = walked(way, other)
    for _ in range(5):
        assert changed(way, HOPS) is False
        way = walked(way, HOPS)
        assert changed(way, other) is False
        way = walked(way, other)


def test_one_more_of_many_routers_is_no_news() -> None:
    way = after(*[[["10.0.0.1"], [f"203.0.113.{host}"], ["198.51.100.1"]] for host in range(MANY)])
    assert changed(way, [["10.0.0.1"], ["203.0.113.99"], ["198.51.100.1"]]) is False
    assert changed(way, [["10.0.0.1"], ["203.0.113.99"], ["198.51.100.2"]]) is True


def test_the_last_address_of_a_name() -> None:
    old, new, other = (
        Way(name=f"ipv4 udp 192.0.2.{host}", host=name) for host, name in ((1, "peer"), (2, "peer"), (3, ""))
    )
    ways = [old, new, other]
    assert last_address(ways, "peer", "ipv4 udp ") == "192.0.2.2"
    assert last_address(read(write(ways, old)), "peer", "ipv4 udp ") == "192.0.2.1"
    assert [last_address(ways, *asked) for asked in (("peer", "ipv6 udp "), ("", "ipv4 udp "))] == [None, None]


def test_a_way_that_was_left_long_ago_is_another_one() -> None:
    other = [["10.0.0.1"], ["203.0.113.2"], ["203.0.113.9"]]
    way = after(HOPS, *[other] * RUNS)
    assert changed(way, HOPS) is True


def test_memory_is_bounded() -> None:
    way = Way(name=NAME)
    for run in range(100):
        way = walked(way, [[f"192.0.2.{run}"] for _ in range(90)])
    assert len(way.seen) == 64
    assert all(len(seen) <= ADDRESSES for seen in way.seen)
    ways: list[Way] = []
    for number in range(100):
        ways = read(write(ways, Way(name=f"ipv4 udp 192.0.2.{number}")))
    assert [way.name for way in ways] == [f"ipv4 udp 192.0.2.{number}" for number in range(100 - KEPT, 100)]


def test_it_comes_back_as_it_was_written() -> None:
    way = walked(Way(name=NAME, source_port=61_000, provider="203.0.113.1", before="203.0.113.9"), HOPS)
    old = Way(name=NAME)
    other = Way(name="ipv6 udp 2001:db8::7")
    ways = read(write([old, other], way))
    assert ways == [other, way]
    assert find(ways, NAME) == way
    assert find(ways, "ipv4 tcp 192.0.2.7") is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        b"\xff\xfe",
        b'{"name": 1}',
        b'[{"seen": []}]',
        json.dumps([{"name": NAME, "source_port": 99_999}]).encode(),
        json.dumps([{"name": NAME, "seen": [{"x" * 100: 1}]}]).encode(),
    ],
)
def test_a_torn_or_foreign_file_holds_no_ways(content: bytes | None) -> None:
    assert read(content) == []
