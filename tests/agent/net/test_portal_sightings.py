"""A portal is remembered until a check says that it is gone, or nobody checks any more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import uuid7
from agent.net.portal_sightings import NAME, Portal
from agent.wire.dns import Dns
from agent.wire.failure import Doubt
from agent.wire.report import Measurement
from agent.wire.results import Ipv6, Latency
from agent.wire.web import Web

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def made(result: Any, *doubts: str, at: datetime = NOON, kind: str = "web") -> Measurement[Any]:  # noqa: ANN401 - of any kind
    return Measurement(
        id=uuid7(at, bytes(10)), agent="a1", kind=kind, started=at, duration_s=1, result=result, doubts=list(doubts)
    )


WALLED = made(Web(0, 5, captive_portal=True, portal_url="http://login.example/"), Doubt.CAPTIVE_PORTAL)
OPEN = made(Web(5, 0, captive_portal=False))
UNKNOWN = made(Web(0, 5))


@pytest.fixture(params=["file", "memory", "full disk"])
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Portal:
    return Portal({"file": tmp_path, "memory": None, "full disk": tmp_path / "gone"}[request.param])


def test_until_a_check_says_otherwise(portal: Portal) -> None:
    assert not portal.stands(NOON)
    portal.heed(WALLED)
    portal.heed(UNKNOWN)
    portal.heed(made(Latency(method="stamp", sent=1, received=1)))
    assert portal.stands(NOON + timedelta(hours=23))
    assert not portal.stands(NOON + timedelta(hours=25)), "nobody checks any more"
    portal.heed(OPEN)
    assert not portal.stands(NOON)


def test_any_kind_may_see_one() -> None:
    portal = Portal()
    portal.heed(made(Latency(method="stamp", sent=1, received=0), Doubt.CAPTIVE_PORTAL))
    assert portal.stands(NOON)


def test_the_check_of_the_ipv6_battery_counts_as_well() -> None:
    portal = Portal()
    portal.heed(WALLED)
    portal.heed(made(Ipv6("dual_stack")))
    assert portal.stands(NOON)
    portal.heed(made(Ipv6("dual_stack", captive_portal=False)))
    assert not portal.stands(NOON)


def test_what_names_alone_showed_ends_with_them(portal: Portal) -> None:
    """Routers whose line is down lead every name to themselves."""
    doubted = made(Dns(rewrites_nxdomain=True), Doubt.CAPTIVE_PORTAL, kind="dns")
    portal.heed(doubted)
    portal.heed(made(Dns(), kind="dns"))
    assert portal.stands(NOON), "nothing was said of names that do not exist"
    portal.heed(made(Dns(rewrites_nxdomain=False), kind="dns"))
    assert not portal.stands(NOON)
    portal.heed(WALLED)
    portal.heed(doubted)
    portal.heed(made(Dns(rewrites_nxdomain=False), kind="dns"))
    assert portal.stands(NOON), "a page showed it, and names prove nothing of pages"


def test_one_process_knows_what_another_saw(tmp_path: Path) -> None:
    service, by_hand = Portal(tmp_path), Portal(tmp_path)
    service.heed(WALLED)
    assert by_hand.stands(NOON)
    by_hand.heed(OPEN)
    assert not service.stands(NOON)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": 5}', b"\xff\xfe", b'{"at": "2026-11-22T12:00:00"}'])
def test_a_file_that_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    portal = Portal(tmp_path)
    assert not portal.stands(NOON)
    portal.heed(WALLED)
    assert portal.stands(NOON)


def test_what_cannot_be_removed_is_outdone(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    portal = Portal(tmp_path)
    portal.heed(WALLED)
    assert portal.stands(NOON)
    portal.heed(OPEN)
    assert not portal.stands(NOON)
