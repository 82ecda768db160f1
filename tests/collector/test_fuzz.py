"""A short edition of tests/bench/fuzz.py: hostile payloads through a real broker into a real collector."""

from itertools import islice
from pathlib import Path

import pytest

from tests.bench.fuzz import AGENTS, fuzz
from tests.bench.mutations import Mutator


@pytest.mark.slow
@pytest.mark.program("mosquitto")
@pytest.mark.timeout(90)
def test_every_element_of_whatever_comes_has_a_fate(tmp_path: Path) -> None:
    # A page of memory more or less is no fault in a run so short.
    assert [told for told in fuzz(tmp_path, 1500, 3) if "memory" not in told] == []


def test_one_seed_makes_one_stream() -> None:
    first, again = (list(islice(Mutator(1, AGENTS), 50)) for _ in range(2))
    assert [topic for topic, _ in first] == [topic for topic, _ in again]
    assert first != list(islice(Mutator(2, AGENTS), 50))
