"""What the resolvers of a site said, side by side: the rows of a report, and who contradicts whom. Pure."""

import ipaddress
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from agent.net.dns_query import Server
from agent.net.dns_survey import Heard, Survey, passes_dnssec, validates
from agent.net.dns_truth import Context, Contradiction, Network, Said, judge, rewrites
from agent.net.domain import Domain, Reach, domain
from agent.net.interfaces import Route
from agent.wire import dns as wire
from agent.wire.dns import Answer, Dns, Resolver
from agent.wire.failure import Failure, Reason, Stage

Internal = tuple[Network, ...]
_ADDRESSES_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One resolver over one transport, and what it said."""

    survey: Survey
    reference: bool

    @property
    def server(self) -> Server:
        """Who was asked."""
        return self.survey.server


def resolver(row: Row, rows: Sequence[Row], internal: Internal) -> Resolver:
    """Say what one resolver did over one transport, its answers judged beside a witness's."""
    found, server = row.survey, row.server
    answers, lies = [], []
    for (name, record), heard in found.names.items():
        witness, independent = _witness(row, rows, name, record)
        verdict = judge(heard.said, witness, _context(rows, name, internal)) if heard.said else None
        lie = verdict.lie if verdict else None
        # Of its own word over TCP only a contradiction is proof.
        lies.append(lie if lie or independent else None)
        answers.append(_answer(name, record, heard, verdict.why if verdict else None))
    times = [heard.ms for heard in found.names.values() if heard.ms is not None]
    return Resolver(
        address=server.address,
        family=server.family,
        transport=server.transport,
        reference=row.reference,
        median_ms=round(statistics.median(times), 3) if times else None,
        lies=None if row.reference else _any(lies),
        rewrites_nxdomain=rewrites(found.nowhere),
        passes_dnssec=passes_dnssec(found),
        validates=validates(found),
        answers=answers or None,
    )


def _answer(name: str, record: str, heard: Heard, lie: Contradiction | None) -> Answer:
    failure = Failure(Stage.RESOLVE, Reason.LIE, lie.words) if lie else heard.failure
    said = heard.said
    return Answer(
        name=name[:200],
        record=record.lower(),
        ms=heard.ms,
        rcode=said.rcode if said else None,
        addresses=list(said.addresses[:_ADDRESSES_MAX]) or None if said else None,
        authentic=True if heard.authentic else None,
        failure=failure,
        truncated=True if heard.cut else None,
        contradiction=wire.Contradiction(lie.how, lie.said, lie.witness) if lie else None,
    )


def _witness(row: Row, rows: Sequence[Row], name: str, record: str) -> tuple[Said | None, bool]:
    """Find whose answer to compare with: the reference's, else the same resolver's over TCP; and if it is another's."""
    others = [other for other in rows if other is not row]
    references = sorted((other for other in others if other.reference), key=lambda other: other.server.transport)
    if not row.reference:
        for other in references:  # "tcp" sorts before "udp"
            heard = other.survey.names.get((name, record))
            if heard is not None and heard.said is not None and heard.said.decided:
                return heard.said, True
    same = [other for other in others if other.server.address == row.server.address and row.server.transport == "udp"]
    for other in same:
        heard = other.survey.names.get((name, record))
        if heard is not None:
            return heard.said, False
    return None, False


def _context(rows: Iterable[Row], name: str, internal: Internal) -> Context:
    heard = [row.survey.names.get((name, "A")) for row in rows]
    ipv4 = {address for one in heard if one is not None and one.said is not None for address in one.said.addresses}
    return Context(internal, tuple(ipv4))


def _any(lies: Sequence[bool | None]) -> bool | None:
    known = [lie for lie in lies if lie is not None]
    return any(known) if known else None


def consistent(own: Sequence[Row], internal: Internal) -> bool | None:
    """Whether the site's resolvers agree over UDP; None if no two of them answered the same question."""
    found = []
    asked = [row for row in own if row.server.transport == "udp"]
    for row in asked:
        for key, heard in row.survey.names.items():
            others = [other.survey.names.get(key) for other in asked if other is not row]
            context = _context(own, key[0], internal)
            found += [
                judge(heard.said, other.said, context).lie
                for other in others
                if heard.said is not None and other is not None and other.said is not None
            ]
    lies = _any(found)
    return None if lies is None else not lies


def blame(first: str, rows: Iterable[Row], way_to: Callable[[str], Route | None]) -> Domain | None:
    """Tell whose part fails if the resolver that the device uses first is silent: this network's, if it stands in it.

    Where only that one is silent and another beyond this network is not, it is to blame and not the way. A router that
    forwards questions is silent too when the line behind it is cut: so nobody is blamed unless another resolver gave an
    answer that decides. `way_to` gives the route to an address.
    """
    rows = list(rows)
    silent = not any(row.server.address == first and row.survey.answered for row in rows)
    if not silent or ipaddress.ip_address(first.partition("%")[0]).is_loopback:
        return None
    way = way_to(first)
    if way is None:
        return domain(Reach(device=False, target=False))
    others = {row.server.address for row in rows if decides(row.survey)}
    if way.gateway is None:
        return domain(Reach(device=True, gateway=False if others else None, target=False))
    beyond = any(found.gateway for found in map(way_to, others) if found is not None)
    return domain(Reach(device=True, others=True if beyond else None, target=False))


def decides(found: Survey) -> bool:
    """Whether it said of any name what there is, or that there is nothing; to fail for all of them is no answer."""
    return any(heard.said is not None and heard.said.decided for heard in found.names.values())


def within(result: Dns, limit_bytes: int) -> Dns:
    """Shorten a result that would make its report too large: figures and what went wrong stay longest."""
    for cut in (_with_two_addresses, _without_good_over_tcp, _without_good, _without_answers):
        if len(msgspec.json.encode(result)) <= limit_bytes:
            break
        shorter = [cut(resolver) for resolver in result.resolvers or []]
        result = msgspec.structs.replace(result, resolvers=shorter, abridged=True)
    return result


def _with_two_addresses(resolver: Resolver) -> Resolver:
    few = [
        msgspec.structs.replace(answer, addresses=answer.addresses[:2] if answer.addresses else None)
        for answer in resolver.answers or []
    ]
    return msgspec.structs.replace(resolver, answers=few or None)


def _without_good_over_tcp(resolver: Resolver) -> Resolver:
    return _without_good(resolver) if resolver.transport == "tcp" else resolver


def _without_good(resolver: Resolver) -> Resolver:
    bad = [answer for answer in resolver.answers or [] if answer.failure is not None]
    return msgspec.structs.replace(resolver, answers=bad or None)


def _without_answers(resolver: Resolver) -> Resolver:
    return msgspec.structs.replace(resolver, answers=None)
