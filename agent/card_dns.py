"""The card of name resolution: which resolver answers, how fast, and whether it can be believed. Pure."""

from collections.abc import Iterable
from typing import Final

from agent.card_row import Row
from agent.wire.dns import Dns, Resolver
from agent.words import Language, say
from agent.words_services import advise

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
        Row(say("fault", tongue), say(f"part:{result.domain}", tongue) if result.domain else "", "doubt"),
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
        well = any(way.median_ms is not None for way in ways)
        said = [f"{way.transport.upper()} {_time(way, tongue)}" for way in ways]
        aside = say("dns:reference", tongue) if ways[0].reference else ""
        label = "" if found else say("dns:resolvers", tongue)
        found.append(Row(label, f"{'✓' if well else '✗'} {_joined((f'{address}  {said[0]}', *said[1:], aside))}"))
    return found


def _time(way: Resolver, tongue: Language) -> str:
    if way.median_ms is not None:
        return f"{way.median_ms:.1f} ms"
    failures = [answer.failure for answer in way.answers or [] if answer.failure is not None]
    return f"✗ {say(f'reason:{failures[0].reason}', tongue)}" if failures else "-"


def _answers(result: Dns, resolvers: list[Resolver], tongue: Language) -> list[Row]:
    said = []
    if result.lies is not None:
        said.append(f"✗ {say('dns:lies', tongue)}" if result.lies else f"✓ {say('dns:true', tongue)}")
    elif not any(resolver.reference for resolver in resolvers):
        said.append(f"· {say('dns:uncompared', tongue)}")
    said += _lies(resolvers)
    if result.consistent is False:
        said.append(f"✗ {say('dns:differ', tongue)}")
    if result.rewrites_nxdomain:
        said.append(f"✗ {say('dns:rewrites', tongue)}")
    return [Row("" if place else say("dns:answers", tongue), line) for place, line in enumerate(said)]


def _lies(resolvers: list[Resolver]) -> list[str]:
    found = [
        f"  {answer.name} {answer.record.upper()}: {answer.failure.detail or ''}"
        for resolver in resolvers
        for answer in resolver.answers or []
        if answer.failure is not None and answer.failure.reason == "lie"
    ]
    return list(dict.fromkeys(found))[:_LIES_SHOWN]


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
    return advise(tuple(keys), tongue)


def _joined(parts: Iterable[str]) -> str:
    return _DOT.join(part for part in parts if part)
