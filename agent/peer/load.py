"""The random frames that downloads are made of: built once, sent by every stream."""

from agent.speed.frames import binary_frames

RING = 2
"""Frames per size. More than one, so that nothing on the way that remembers a megabyte can compress them."""


class Load:
    """Unmasked binary frames by payload size. Whole sizes are kept: at most 2 x 2 MiB, however many streams run."""

    def __init__(self) -> None:
        self._rings: dict[int, list[memoryview]] = {}

    def frame(self, size: int, turn: int) -> memoryview:
        """Return a frame with `size` random payload bytes; `turn` walks the ring."""
        if size & (size - 1):
            # The odd last message of a test with a byte limit.
            return memoryview(binary_frames(size, 1, masked=False)[0])
        ring = self._rings.get(size)
        if ring is None:
            ring = [memoryview(frame) for frame in binary_frames(size, RING, masked=False)]
            self._rings[size] = ring
        return ring[turn % RING]
