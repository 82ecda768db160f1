"""The card of name resolution: which resolver answers, how fast, and whether it can be believed. Pure."""

from collections.abc import Iterable
from typing import Final

from agent.card_row import Row
from agent.wire.dns import Answer, Dns, Resolver
from agent.words import Language, say
from agent.words_services import WORDS, advise

_DOT: Final = " · "
_LIES_SHOWN: Final = 4


def rows(result: Dns, tongue: Language) -> list[Row]:
    """Say how the device's own resolver fares, then each one over each transport, then what is wrong."""
    resolvers = result.resolvers or []
    first = resolvers[0].address if resolvers else ""
    return [
        Row(say("dns:first", tongue), _joined((first, _first(result, resolvers, tongue))), "figure"),
        *_each(resolvers, tongue),
        *_answers(result, resolvers, tongue),
        Row(say("dns:signatures", tongue), _signatures(result, tongue)),
        Row(say("fault", tongue), _fault(result, tongue), "doubt"),
        Row(say("check", tongue), _advice(result, resolvers, tongue).format(first)),
    ]


def _first(result: Dns, resolvers: list[Resolver], tongue: Language) -> str:
    if resolvers and result.median_ms is None:
        return f"✗ {say('dns:silent', tongue)}"
    time = "" if result.median_ms is None else f"{say('median', tongue)} {result.median_ms:.1f} ms"
    counted = say("dns:answered", tongue).format(result.answered, result.asked) if result.asked else ""
    return _joined((time, counted))


def _each(resolvers: list[Resolver], tongue: Language) -> list[Row]:
    """One line a resolver: over UDP and over TCP."""
    found: list[Row] = []
    for address in dict.fromkeys(resolver.address for resolver in resolvers):
        ways = [resolver for resolver in resolvers if resolver.address == address]
        well = any(_serves(way) for way in ways)
        said = [f"{way.transport.upper()} {_time(way, tongue)}" for way in ways]
        aside = say("dns:reference", tongue) if ways[0].reference else ""
        label = "" if found else say("dns:resolvers", tongue)
        found.append(Row(label, f"{'✓' if well else '✗'} {_joined((f'{address}  {said[0]}', *said[1:], aside))}"))
    return found


def _time(way: Resolver, tongue: Language) -> str:
    took = "" if way.median_ms is None else f"{way.median_ms:.1f} ms"
    failures = [answer.failure for answer in way.answers or [] if answer.failure is not None]
    if _serves(way) or not failures:
        return took or "-"
    return " ".join(word for word in (took, f"✗ {say(f'reason:{failures[0].reason}', tongue)}") if word)


def _serves(way: Resolver) -> bool:
    """Whether it gave any answer of use; one that fails for every name is not well, however fast it says so."""
    return way.median_ms is not None and (not way.answers or any(answer.failure is None for answer in way.answers))


def _answers(result: Dns, resolvers: list[Resolver], tongue: Language) -> list[Row]:
    said = []
    if result.lies is not None:
        said.append(f"✗ {say('dns:lies', tongue)}" if result.lies else f"✓ {say('dns:true', tongue)}")
    elif not any(resolver.reference for resolver in resolvers):
        said.append(f"· {say('dns:uncompared', tongue)}")
    said += _lies(resolvers, tongue) + _unresolved(resolvers, tongue)
    if result.consistent is False:
        said.append(f"✗ {say('dns:differ', tongue)}")
    if result.rewrites_nxdomain:
        said.append(f"✗ {say('dns:rewrites', tongue)}")
    return [Row("" if place else say("dns:answers", tongue), line) for place, line in enumerate(said)]


def _lies(resolvers: list[Resolver], tongue: Language) -> list[str]:
    found = [
        f"  {answer.name} {answer.record.upper()}: {_contradiction(answer, tongue)}"
        for resolver in resolvers
        for answer in resolver.answers or []
        if answer.failure is not None and answer.failure.reason == "lie"
    ]
    return list(dict.fromkeys(found))[:_LIES_SHOWN]


def _contradiction(answer: Answer, tongue: Language) -> str:
    found = answer.contradiction
    if found is None or f"dns:lie:{found.how}" not in WORDS:
        return (answer.failure.detail if answer.failure else None) or ""
    return say(f"dns:lie:{found.how}", tongue).format(found.said, found.witness)


def _unresolved(resolvers: list[Resolver], tongue: Language) -> list[str]:
    """The names that this device's resolver answered with an error, by the error."""
    names: dict[str, dict[str, None]] = {}
    for resolver in resolvers:
        for answer in resolver.answers or [] if resolver.address == resolvers[0].address else []:
            if answer.rcode is not None and answer.failure is not None and answer.failure.reason != "lie":
                names.setdefault(answer.failure.reason, {})[answer.name] = None
    return [f"✗ {say(f'reason:{reason}', tongue)}: {', '.join(found)}" for reason, found in names.items()]


def _fault(result: Dns, tongue: Language) -> str:
    if not result.domain:
        return ""
    return say("dns:itself" if result.domain == "destination" else f"part:{result.domain}", tongue)


def _signatures(result: Dns, tongue: Language) -> str:
    if result.validates:
        return f"✓ {say('dns:validates', tongue)}"
    if result.passes_dnssec is None:
        return ""
    return f"· {say('dns:passes', tongue)}" if result.passes_dnssec else f"✗ {say('dns:strips', tongue)}"


def _advice(result: Dns, resolvers: list[Resolver], tongue: Language) -> str:
    keys = []
    if resolvers and result.median_ms is None:
        keys.append("dns:silent")
    keys += ["dns:lies"] if result.lies else []
    keys += ["dns:rewrites"] if result.rewrites_nxdomain else []
    if not any(_serves(way) for way in resolvers if way.address == resolvers[0].address):
        keys.append("dns:nothing")
    return advise(tuple(keys), tongue)


def _joined(parts: Iterable[str]) -> str:
    return _DOT.join(part for part in parts if part)
