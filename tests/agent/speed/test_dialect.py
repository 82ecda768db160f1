"""How upload frames grow, in both protocols, and that a share is kept to the byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speed import msak, ndt7
from agent.speed.dialect import Dialect, LoadFacts, Supply
from agent.speed.engine import PeerLoad
from agent.speed.frames import FrameSkimmer

BOTH = pytest.mark.parametrize("dialect", [msak.DIALECT, ndt7.DIALECT], ids=["msak", "ndt7"])
RINGS: dict[str, dict[int, list[bytes]]] = {"msak": {}, "ndt7": {}}


@BOTH
def test_messages_grow_as_the_protocols_say(dialect: Dialect) -> None:
    first, largest = dialect.first_bytes, dialect.largest_bytes
    assert dialect.next_size(first, 0) == first
    assert dialect.next_size(first, 16 * first - 1) == first
    assert dialect.next_size(first, 16 * first) == 2 * first
    assert dialect.next_size(largest, 2**40) == largest


@BOTH
@settings(deadline=None, max_examples=30)
@given(share=st.integers(0, 3_000_000))
def test_a_supply_gives_its_share_exactly(dialect: Dialect, share: int) -> None:
    supply, skimmer, written = Supply(dialect, RINGS[dialect.name], share), FrameSkimmer(masked=True), 0
    while (item := supply(written)) is not None:
        frame, size = item
        skimmer.feed(frame)
        written += size
        assert size <= dialect.largest_bytes
    assert written == skimmer.received == share
    assert supply(written) is None


@BOTH
def test_a_supply_without_share_never_ends_and_stops_growing(dialect: Dialect) -> None:
    rings = RINGS[dialect.name]
    supply, written = Supply(dialect, rings, None), 0
    sizes = []
    for _ in range(400):
        item = supply(written)
        assert item is not None
        sizes.append(item[1])
        written += item[1]
    assert sizes == sorted(sizes)
    assert sizes[0] == dialect.first_bytes
    assert sizes[-1] == dialect.largest_bytes
    assert set(sizes) <= {2**power for power in range(10, 21)}
    ring = rings[dialect.largest_bytes]
    assert len({bytes(frame[:14]) for frame in ring}) == len(ring)


def test_how_busy_a_peer_is() -> None:
    assert LoadFacts(tests=2, max_tests=3, cpu_ratio=0.5, paced=True).load() == PeerLoad(2, 3, 0.5, paced=True)
    assert LoadFacts().load() == PeerLoad()
