"""The probe dns against name servers that are honest, lying, silent, broken or portals."""

import contextlib
import ipaddress
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from dns import flags, rcode

from agent.clock import uuid7
from agent.commands import exit_code
from agent.errors import Failed, UsageError
from agent.net.dns_comparison import Row, blame, within
from agent.net.dns_query import Server
from agent.net.dns_survey import Heard, Survey
from agent.net.dns_truth import Said
from agent.net.interfaces import Route
from agent.probes.dns import planned, probe
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.dns import Answer as Answer_
from agent.wire.dns import Dns, Resolver
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Measurement
from tests.agent.net.name_server import Answer, Asked, from_zone, name_server

WORLD, ELSEWHERE, INSIDE = "203.0.114.5", "203.0.114.9", "10.1.2.3"
ZONE = {
    "www.example": {"A": WORLD, "AAAA": "2606:4700::1"},
    "old.example": {"A": ELSEWHERE},
    "bogus.example": {"A": WORLD},
}
HONEST = from_zone(ZONE)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = {"names": "www.example old.example", "bogus": "bogus.example", "nonexistent": "invalid"}


@contextlib.asynccontextmanager
async def asking(
    own: Mapping[str, Answer | None], reference: Answer | None = None, *, tcp: bool = True
) -> AsyncIterator[Task]:
    """A task whose resolvers are these on loopback (None: nobody there), and the reference another one."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(name_server(reference or HONEST, host="127.0.0.9", tcp=tcp))
        for host, answer in own.items():
            if answer is not None:
                await stack.enter_async_context(name_server(answer, host=host, port=first.port, tcp=tcp))
        more = {"reference": "127.0.0.9"} if reference else {}
        options = {"resolvers": " ".join(own), "resolv_conf": "/nowhere", "dns_port": str(first.port), **NAMES, **more}
        yield Task("", options={**options, "timeout": "0.3"})


def result_of(outcome: Outcome) -> Dns:
    assert isinstance(outcome.result, Dns)
    return outcome.result


def row(result: Dns, address: str = "127.0.0.1", transport: str = "udp") -> Resolver:
    return next(one for one in result.resolvers or [] if (one.address, one.transport) == (address, transport))


def answers(one: Resolver) -> dict[str, str]:
    return {
        f"{answer.name} {answer.record}": str(answer.failure) if answer.failure else answer.rcode or ""
        for answer in one.answers or []
    }


async def test_a_healthy_site() -> None:
    told: list[Progress] = []
    async with asking({"127.0.0.1": HONEST, "127.0.0.2": HONEST}, HONEST) as task:
        outcome = await probe(Task("", options=task.options, progress=told.append))
    result = result_of(outcome)
    assert (result.asked, result.answered, result.lies, result.rewrites_nxdomain) == (12, 12, False, False)
    assert (result.passes_dnssec, result.validates, result.consistent, result.domain) == (True, True, True, None)
    assert result.median_ms is not None
    assert answers(row(result)) == dict.fromkeys(
        ["www.example a", "www.example aaaa", "old.example a", "old.example aaaa"], "noerror"
    )
    over_tcp = row(result, transport="tcp")
    assert answers(over_tcp) == {"www.example a": "noerror", "old.example a": "noerror"}
    assert (over_tcp.lies, over_tcp.validates, over_tcp.rewrites_nxdomain) == (False, None, None)
    assert [one.reference for one in result.resolvers or []] == [False] * 4 + [True] * 2
    assert (outcome.doubts, outcome.peer) == ((), None)
    assert told[-1].done <= 1
    assert len(told) >= 30


async def test_without_a_reference_nobody_is_cleared() -> None:
    async with asking({"127.0.0.1": HONEST}) as task:
        result = result_of(await probe(task))
    assert (result.lies, result.consistent, result.answered) == (None, None, 6)


FILTER: Answer = from_zone({**ZONE, "www.example": {"A": INSIDE}})


@pytest.mark.parametrize(
    ("liar", "why"),
    [
        (FILTER, INSIDE),
        (from_zone({"old.example": {"A": ELSEWHERE}}), "no such name"),
        (from_zone({**ZONE, "www.example": {"A": "127.0.0.1"}}), "nobody's address"),
        (from_zone({**ZONE, "www.example": {}}), "no address"),
    ],
)
async def test_a_lie_is_told_with_the_words_of_both(liar: Answer, why: str) -> None:
    async with asking({"127.0.0.1": liar, "127.0.0.2": HONEST}, HONEST) as task:
        result = result_of(await probe(task))
    assert (result.lies, result.consistent) == (True, False)
    assert row(result, "127.0.0.2").lies is False
    said = (row(result).answers or [])[0]
    assert str(said.failure) == "resolve:lie"
    assert said.failure is not None
    assert why in (said.failure.detail or "")
    assert said.rcode is not None


async def test_what_is_the_networks_own_is_no_lie() -> None:
    async with asking({"127.0.0.1": FILTER}, HONEST) as task:
        own = Task("", options=task.options | {"internal": "10.0.0.0/8, fd00::/8"})
        result = result_of(await probe(own))
    assert row(result, transport="tcp").lies is False
    assert answers(row(result))["www.example a"] == "noerror"
    # It still hides the IPv6 address that the name has.
    assert answers(row(result))["www.example aaaa"] == "resolve:lie"


async def test_somebody_on_the_way_who_forges_udp_alone() -> None:
    def forged(asked: Asked) -> bytes:
        return asked.reply(INSIDE) if asked.transport == "udp" and asked.kind == "A" else HONEST(asked)  # type: ignore[return-value]

    async with asking({"127.0.0.1": forged}) as task:
        result = result_of(await probe(task))
    assert (result.lies, row(result).lies, row(result, transport="tcp").lies) == (True, True, None)
    assert result.rewrites_nxdomain is True


async def test_a_portal_in_the_name_server() -> None:
    portal: Answer = lambda asked: asked.reply(INSIDE) if asked.kind == "A" else asked.reply()  # noqa: E731 - one word
    async with asking({"127.0.0.1": portal}) as task:
        outcome = await probe(task)
    assert outcome.doubts == (Doubt.CAPTIVE_PORTAL,)
    assert result_of(outcome).rewrites_nxdomain is True
    assert result_of(outcome).validates is False


async def test_advertisements_for_misspelt_names_are_no_portal() -> None:
    def helpful(asked: Asked) -> Any:  # noqa: ANN401 - bytes, of either
        return asked.reply(ELSEWHERE) if asked.name.endswith(".invalid") else HONEST(asked)

    async with asking({"127.0.0.1": helpful}) as task:
        outcome = await probe(task)
    assert (outcome.doubts, result_of(outcome).rewrites_nxdomain) == ((), True)


async def test_a_resolver_that_knows_no_dnssec() -> None:
    def old(asked: Asked) -> Any:  # noqa: ANN401 - bytes
        asked.query.flags |= flags.CD
        asked.query.ednsflags = 0
        return HONEST(asked)

    async with asking({"127.0.0.1": old}) as task:
        result = result_of(await probe(task))
    assert (result.passes_dnssec, result.validates) == (False, False)


async def test_a_resolver_that_fails_for_everything_does_not_validate() -> None:
    async with asking({"127.0.0.1": lambda asked: asked.reply(code=rcode.SERVFAIL)}, HONEST) as task:
        result = result_of(await probe(task))
    assert (result.validates, result.passes_dnssec, result.lies, result.rewrites_nxdomain) == (None,) * 4
    assert set(answers(row(result)).values()) == {"resolve:servfail"}
    assert result.answered == result.asked == 6


async def test_a_site_where_every_question_fails_is_a_failure() -> None:
    async with asking({"127.0.0.1": lambda asked: asked.reply(code=rcode.SERVFAIL)}) as task:
        with pytest.raises(Failed) as caught:
            await probe(task)
    assert caught.value.failure.detail == "127.0.0.1 udp: servfail; 127.0.0.1 tcp: servfail"
    assert str(caught.value.failure) == "resolve:servfail"


async def test_a_resolver_that_answers_nothing_of_use_says_so() -> None:
    async with asking({"127.0.0.1": from_zone({})}) as task:
        result = result_of(await probe(task))
    assert (result.answered, result.resolved, result.lies) == (6, 0, None)
    measured = Measurement(id=uuid7(NOON, bytes(10)), agent="a1", kind="dns", started=NOON, duration_s=1, result=result)
    assert exit_code(measured) == 3
    well = msgspec.structs.replace(measured, result=msgspec.structs.replace(result, resolved=1))
    assert exit_code(well) == 0


async def test_no_answer_to_the_signed_question_is_no_answer_without_signatures() -> None:
    empty: Answer = lambda asked: asked.reply() if asked.kind == "SOA" else HONEST(asked)  # noqa: E731 - one word
    async with asking({"127.0.0.1": empty}) as task:
        assert result_of(await probe(task)).passes_dnssec is None


async def test_one_who_translates_for_ipv6_and_one_who_does_not_do_not_contradict_each_other() -> None:
    def translating(asked: Asked) -> Any:  # noqa: ANN401 - bytes
        if asked.kind == "AAAA" and asked.name == "old.example":
            return asked.reply("64:ff9b::203.0.114.9")
        return HONEST(asked)

    async with asking({"127.0.0.1": translating, "127.0.0.2": HONEST}, translating) as task:
        result = result_of(await probe(task))
    assert (result.consistent, result.lies, row(result, "127.0.0.2").lies) == (True, False, False)


def test_the_largest_result_fits_into_a_report() -> None:
    failure = Failure("resolve", "lie", "x" * 500)
    bad = Answer_("n" * 200, "aaaa", 1234.567, "noerror", ["2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"] * 8)
    lie = msgspec.structs.replace(bad, failure=failure)
    rows = [
        Resolver("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "ipv6", way, median_ms=1234.567, answers=[bad] * 30 + [lie])
        for way in ("udp", "tcp") * 9
    ]
    limit = 56 * 1024
    fits = within(Dns(1234.567, 40, 40, resolvers=rows), limit)
    assert len(msgspec.json.encode(fits)) <= limit
    assert fits.abridged
    assert len(fits.resolvers or []) == 18
    assert [answer.failure for answer in (fits.resolvers or [])[0].answers or []] == [failure]
    all_lies = [msgspec.structs.replace(one, answers=[lie] * 20) for one in rows]
    assert len(msgspec.json.encode(within(Dns(resolvers=all_lies), limit))) <= limit
    little = Dns(resolvers=rows[:1])
    assert within(little, limit) is little


async def test_cut_short_without_tcp() -> None:
    def cut(asked: Asked) -> bytes:
        return asked.reply(set_flags=flags.TC)

    async with asking({"127.0.0.1": cut}, HONEST, tcp=False) as task:
        result = result_of(await probe(task))
    said = (row(result).answers or [])[0]
    assert (said.truncated, said.rcode, str(said.failure)) == (True, None, "resolve:refused")
    assert said.failure is not None
    assert (said.failure.detail or "").startswith("cut short over UDP, and TCP: ")


async def test_the_first_resolver_is_dead_and_the_second_works() -> None:
    async with asking({"127.0.0.1": None, "127.0.0.2": HONEST}) as task:
        result = result_of(await probe(task))
    assert (result.median_ms, result.lies, result.validates) == (None, None, None)
    assert answers(row(result)) == {"www.example a": "resolve:refused", "www.example aaaa": "resolve:refused"}
    assert (result.asked, result.answered) == (2 + 2 + 4 + 2, 6)


async def test_a_silent_resolver_is_left_alone_after_two_questions() -> None:
    async with asking({"127.0.0.1": lambda _: None, "127.0.0.2": HONEST}) as task:
        result = result_of(await probe(task))
    assert answers(row(result)) == {"www.example a": "resolve:timeout", "www.example aaaa": "resolve:timeout"}


async def test_nobody_answers() -> None:
    async with asking({"127.0.0.1": None, "127.0.0.2": lambda _: None}) as task:
        with pytest.raises(Failed) as caught:
            await probe(task)
    assert str(caught.value.failure) == "resolve:refused"
    assert caught.value.failure.detail == (
        "127.0.0.1 udp: refused; 127.0.0.1 tcp: refused; 127.0.0.2 udp: timeout; 127.0.0.2 tcp: timeout"
    )


async def test_no_resolver_at_all() -> None:
    with pytest.raises(Failed, match=r"resolve:no_address \(/nowhere names no resolver\)"):
        await probe(Task("", options={"resolv_conf": "/nowhere"}))
    with pytest.raises(Failed, match="no resolver has an ipv6 address"):
        await probe(Task("", "ipv6", options={"resolv_conf": "/nowhere", "resolvers": "127.0.0.1"}))


async def test_one_family_is_asked_alone() -> None:
    async with asking({"127.0.0.1": HONEST}) as task:
        both = task.options | {"resolvers": "::1 127.0.0.1"}
        outcome = await probe(Task("", "ipv4", options=both))
    assert {one.address for one in result_of(outcome).resolvers or []} == {"127.0.0.1"}
    assert outcome.family == "ipv4"


async def test_a_budget_of_time_ends_the_questions() -> None:
    async with asking({"127.0.0.1": HONEST}) as task:
        with pytest.raises(Failed, match="no time to ask anybody"):
            await probe(Task("", options=task.options, max_seconds=1e-9))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"nam": "x"}, "dns has no option 'nam'"),
        ({"names": ""}, "names: name at least one"),
        ({"names": "a..b"}, "not a DNS name"),
        ({"names": "https://www.example/"}, "'https://www.example/' is no name; write it as www.example.vn"),
        ({"names": "192.0.2.1"}, "'192.0.2.1' is no name"),
        ({"names": " ".join(f"n{n}" for n in range(11))}, "at most 10 names, not 11"),
        ({"resolvers": "dns.example"}, "'dns.example' is not an IP address"),
        ({"reference": "192.0.2.1 192.0.2.2 192.0.2.3"}, "at most 2 addresses"),
        ({"internal": "10.0.0.1/8"}, "host bits set"),
        ({"bogus": "a.example b.example"}, "bogus: one name, or none"),
        ({"timeout": "0"}, "expected a number"),
        ({"dns_port": "0"}, "expected a number"),
    ],
)
def test_a_wrong_option_is_said_plainly(option: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(Task("", options=option))
    assert words in str(caught.value)


def test_what_is_asked_by_default() -> None:
    settings = planned(Task(""))
    assert len(settings.names) == 4
    assert (settings.reference, settings.signed, settings.bogus) == ((), ".", "dnssec-failed.org")
    none = planned(Task("", options={"bogus": "none", "signed": "none", "nonexistent": "none"}))
    assert (none.signed, none.bogus, none.nonexistent) == ("", "", ())
    assert planned(Task("", options={"internal": "10.0.0.0/8"})).internal == (ipaddress.ip_network("10.0.0.0/8"),)


def silent(address: str) -> Row:
    nothing = Heard(failure=Failure(Stage.RESOLVE, Reason.TIMEOUT))
    return Row(Survey(Server(address), {("a", "A"): nothing}, unanswered=1), reference=False)


def failing(address: str) -> Row:
    return Row(Survey(Server(address), {("a", "A"): Heard(Said("servfail"), 1.0)}, answered=1), reference=False)


def heard(address: str) -> Row:
    return Row(Survey(Server(address), {("a", "A"): Heard(Said("noerror"), 1.0)}, answered=1), reference=False)


GATEWAY, PROVIDERS, THEIRS = "192.168.1.1", "203.0.114.53", "9.9.9.9"


def way_to(address: str) -> Route:
    return Route("eth0", None if address.startswith("192.168.") else GATEWAY)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([heard(GATEWAY)], None),
        ([silent(GATEWAY)], None),
        ([silent(GATEWAY), failing("192.168.1.2")], None),
        ([silent(GATEWAY), heard(THEIRS)], "lan"),
        ([silent(PROVIDERS), heard(THEIRS)], "destination"),
        ([silent(PROVIDERS), heard(GATEWAY)], None),
        ([silent(PROVIDERS), silent(THEIRS)], None),
        ([silent("127.0.0.53"), heard(THEIRS)], None),
    ],
)
def test_whose_part_fails_is_told_only_where_it_can_be(rows: list[Row], part: str | None) -> None:
    assert blame(rows[0].server.address, rows, way_to) == part


def test_without_a_way_it_is_this_network() -> None:
    assert blame(PROVIDERS, [silent(PROVIDERS)], lambda _: None) == "lan"
