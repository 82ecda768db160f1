"""The gauge of a month's data, as the device told it."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.wire.control import Health, Status
from collector.fleet import AgentState
from collector.web.site.budget import Budget, budget

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)


def state(used: int | None, allowed: int | None = None, *, seen: datetime = NOW) -> AgentState:
    health = Health(data_used_bytes=used, data_allowed_bytes=allowed)
    return AgentState("a1", last_seen=seen, status=Status(state="online", health=health))


@pytest.mark.parametrize(
    ("used", "allowed", "share", "spent"),
    [
        (0, 100, 0.0, False),
        (25, 100, 0.25, False),
        (100, 100, 1.0, True),
        (250, 100, 1.0, True),
        (25, None, None, False),
    ],
)
def test_a_share_is_told_where_something_is_allowed(
    used: int, allowed: int | None, share: float | None, *, spent: bool
) -> None:
    found = budget(state(used, allowed), NOW)
    assert found == Budget(used, allowed)
    assert (found.share, found.spent) == (share, spent)


def test_what_was_said_last_month_is_not_of_this_one_and_older_software_says_nothing() -> None:
    assert budget(state(100, 100, seen=NOW - timedelta(hours=4)), NOW) is None
    assert budget(state(None), NOW) is None
    assert budget(AgentState("a1", last_seen=NOW, status=Status(state="offline")), NOW) is None
    assert budget(None, NOW) is None
