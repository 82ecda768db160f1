"""Topics: an id can neither escape its place in the tree nor be taken for the collector's."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import topics


@pytest.mark.parametrize("leaf", ["report", "status", "receipt", "profile", "request"])
def test_topics_come_back_as_they_went(
    leaf: Literal["report", "status", "receipt", "profile", "request"],
) -> None:
    assert topics.parse(topics.topic("ls-huulung-th1", leaf)) == ("ls-huulung-th1", leaf)


@pytest.mark.parametrize("agent", ["", "A", "-a", "a/b", "+", "#", "a b", "a" * 64, "collector", "a\n"])
def test_bad_ids_are_refused(agent: str) -> None:
    with pytest.raises(ValueError, match="agent id"):
        topics.topic(agent, "report")
    assert topics.parse(f"{topics.ROOT}/{agent}/report") is None


@given(st.text(max_size=60))
def test_any_topic_is_read_or_not_ours(name: str) -> None:
    assert topics.parse(name) is None or name.startswith(topics.ROOT)


@pytest.mark.parametrize("name", ["linkgauge/v2/a/report", "linkgauge/v1/a/other", "linkgauge/v1/collector"])
def test_other_topics_are_not_ours(name: str) -> None:
    assert topics.parse(name) is None
