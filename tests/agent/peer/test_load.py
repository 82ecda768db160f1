"""The frames of downloads."""

from agent.peer.load import RING, Load
from agent.speed.frames import FrameSkimmer


def test_frames_are_whole_and_of_the_size_asked() -> None:
    load = Load()
    for size in (1, 1000, 1024, 1 << 20, (1 << 20) - 1):
        skimmer = FrameSkimmer(masked=False)
        assert skimmer.feed(load.frame(size, 0)) == []
        assert (skimmer.received, skimmer.binary_messages) == (size, 1)


def test_whole_sizes_are_built_once_and_differ_in_turn() -> None:
    load = Load()
    ring = [load.frame(4096, turn) for turn in range(RING)]
    assert len({bytes(frame) for frame in ring}) == RING
    assert load.frame(4096, RING).obj is ring[0].obj
