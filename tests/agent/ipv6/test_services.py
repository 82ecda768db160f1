"""Public services are called silent, or without a resolver, only where somebody was asked."""

import pytest

from agent.ipv6 import services
from agent.ipv6.notes import Ground, Lookup, Notes, Settings
from agent.net.peer_url import parse
from agent.wire.failure import Failure

SILENT, ROUTELESS = Failure("resolve", "timeout"), Failure("resolve", "no_route")


def notes() -> Notes:
    return Notes(Ground(parse("h:1"), Settings(hosts=("service.example",))), servers=["192.0.2.53"])


@pytest.mark.parametrize(
    ("failures", "reason"),
    [([SILENT, SILENT], "timeout"), ([ROUTELESS, SILENT], "timeout"), ([ROUTELESS, ROUTELESS], "no_route")],
)
async def test_resolvers_that_gave_no_answer_are_said_to_have_failed_as_they_did(
    failures: list[Failure], reason: str
) -> None:
    own = notes()
    own.resolvers["ipv4", "AAAA"] = [("192.0.2.53", Lookup([], failure, 1.0)) for failure in failures]
    await services.visit(own)
    assert [host.failure.reason for host in own.hosts or [] if host.failure] == [reason]


async def test_where_the_peer_is_an_address_the_system_is_asked() -> None:
    asked = []

    async def system(name: str, timeout_s: float) -> list[str]:
        asked.append((name, timeout_s > 0))
        return ["::1"]

    own = notes()
    await services.visit(own, system=system)
    assert asked == [("service.example", True)]
    assert [host.address for host in own.hosts or []] == ["::1"]
