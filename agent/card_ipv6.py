"""The card of IPv6 at a site: its state, what is at fault and whose it is, then what a technician asks next. Pure."""

from typing import Final

from agent.card_row import Row
from agent.wire.results import Check, Ipv6, Router
from agent.words import Language, advice_on_ipv6, say, say_why

_DOT: Final = " · "
_FAMILIES: Final = {"ipv4": "IPv4", "ipv6": "IPv6"}
_ALWAYS: Final = ("connect_",)
"""Checks that are shown when they went well, too."""
_NOTICED_MS: Final = 20
"""Nobody notices a shorter wait."""
_FEW: Final = 8
"""So many checks are all shown."""
_QUESTIONS: Final = 2
"""More than so many alike go on one line."""


def rows(result: Ipv6, tongue: Language, *, tried_one: bool) -> list[Row]:
    """Say all of it; `tried_one`: of a family that was not tried nothing is said, whatever the status is called."""
    of_one = tried_one and result.status in {"ipv4_only", "ipv6_only"}
    found = result.addresses
    listed = (found.global_ or found.tunnel or found.ula or []) if found is not None else []
    return [
        Row(say("state", tongue), say(f"{'tried' if of_one else 'status'}:{_state(result)}", tongue), "figure"),
        Row(say("score", tongue), "" if result.score is None else f"{result.score:g} / 10"),
        Row(say("ipv6:fault", tongue), "" if of_one else _fault(result, tongue), "doubt"),
        Row(say("ipv6:portal", tongue), _printable(result.portal_url or "")),
        Row(say("ipv6:race", tongue), _race(result, tongue)),
        Row(say("ipv6:packets", tongue), _packets(result, tongue)),
        Row(say("ipv6:tunnel", tongue), result.tunnel or ""),
        Row(say("ipv6:translation", tongue), _translation(result, tongue)),
        Row(say("ipv6:router", tongue), _router(result.router, tongue)),
        Row(say("addresses", tongue), ", ".join(listed)),
        *_services(result, tongue),
        *_checks(result.checks or [], tongue),
        Row(say("check", tongue), advice_on_ipv6(result, tongue, tried_one=tried_one)),
    ]


def _state(result: Ipv6) -> str:
    """The status, but where full-size packets are lost a line that connects does not "work"."""
    return "small_only" if result.status == "dual_stack" and result.mtu_ok is False else result.status


def _fault(result: Ipv6, tongue: Language) -> str:
    if result.reason is None:
        return ""
    name = say(f"check:{result.decided_by}", tongue) if result.decided_by else ""
    whose = say(f"part:{result.domain}", tongue) if result.domain else ""
    if result.decided_by == "device_ipv6":
        whose = say("ipv6:device", tongue)
    why = say_why(result.decided_by or "", result.reason, tongue)
    last = say("ipv6:last", tongue).format(result.last_router) if result.last_router else ""
    return _DOT.join(filter(None, (whose, ": ".join(filter(None, (name, why))), last)))


def _printable(text: str) -> str:
    """Without what a terminal would obey: whoever answered has written this."""
    return "".join(letter for letter in text if letter.isprintable())


def _race(result: Ipv6, tongue: Language) -> str:
    if result.winner is None:
        return ""
    time = "" if result.race_ms is None else f", {result.race_ms:.1f} ms"
    held = (
        "" if (result.fallback_ms or 0) < _NOTICED_MS else say("ipv6:held", tongue).format(f"{result.fallback_ms:.0f}")
    )
    won = say("ipv6:wins", tongue).format(_FAMILIES.get(result.winner, result.winner))
    return _DOT.join(filter(None, (won + time, held)))


def _packets(result: Ipv6, tongue: Language) -> str:
    mtu = f"MTU {result.pmtu_bytes}" if result.pmtu_bytes else ""
    if result.mtu_ok is None:
        return mtu
    return _DOT.join(filter(None, (say("ipv6:both_ways" if result.mtu_ok else "ipv6:vanish", tongue), mtu)))


def _translation(result: Ipv6, tongue: Language) -> str:
    words = [f"NAT64 {result.nat64_prefix}" if result.nat64_prefix else "", "464XLAT" if result.clat else ""]
    if result.nat64_reached is not None:
        words.append(say("ipv6:translated" if result.nat64_reached else "ipv6:untranslated", tongue))
    return _DOT.join(filter(None, words))


def _router(router: Router | None, tongue: Language) -> str:
    if router is None:
        return ""
    flags = "".join(letter for letter, is_set in (("M", router.managed), ("O", router.other_config)) if is_set)
    words = [
        router.address or "",
        ", ".join(router.prefixes or []),
        say("ipv6:no_router", tongue) if router.lifetime_s == 0 else "",
        f"DHCPv6 {flags}" if flags else "",
        f"DNS {', '.join(router.dns)}" if router.dns else "",
        f"MTU {router.mtu_bytes}" if router.mtu_bytes else "",
    ]
    return _DOT.join(filter(None, words))


def _services(result: Ipv6, tongue: Language) -> list[Row]:
    if not result.hosts:
        return []
    count = say("ipv6:reached", tongue).format(result.hosts_reached or 0, len(result.hosts))
    alike: dict[str, list[str]] = {}
    for host in result.hosts:
        if host.failure is not None:
            alike.setdefault(host.failure.reason, []).append(host.name)
    failing = [Row("", _hosts(names, say(f"reason:{reason}", tongue))) for reason, names in alike.items()]
    return [Row(say("ipv6:services", tongue), count), *failing]


def _hosts(names: list[str], why: str) -> str:
    """What failed alike goes on one line, why first, as on the card of names."""
    return f"✗ {names[0]}  {why}" if len(names) == 1 else f"✗ {why}: {', '.join(names)}"


def _checks(checks: list[Check], tongue: Language) -> list[Row]:
    """What failed, and the connections; the others are counted where there are many."""
    few = len(checks) <= _FEW
    shown = [check for check in checks if few or not check.ok or check.name.startswith(_ALWAYS)]
    lines = [_line(check, tongue) for check in _together(shown)]
    if len(shown) < len(checks):
        lines.append(f"✓ {say('ipv6:more', tongue).format(len(checks) - len(shown))}")
    return [Row("" if place else say("checks", tongue), line) for place, line in enumerate(lines)]


def _together(checks: list[Check]) -> list[Check]:
    """Make one line of all questions to name servers over a family, where all failed alike."""
    kept: list[Check] = []
    for family in _FAMILIES:
        own = [check for check in checks if check.name.startswith("dns_") and f"_over_{family}" in check.name]
        alike = len(own) > _QUESTIONS and len({(check.ok, check.reason) for check in own}) == 1 and not own[0].ok
        kept += [Check(f"dns_over_{family}", ok=False, stage=own[0].stage, reason=own[0].reason)] if alike else own
    at = next((place for place, check in enumerate(checks) if check.name.startswith("dns_")), 0)
    rest = [check for check in checks if not check.name.startswith("dns_")]
    return [*rest[:at], *kept, *rest[at:]]


def _line(check: Check, tongue: Language) -> str:
    time = "" if check.ms is None else f"  {check.ms:.1f} ms"
    why = "" if check.ok or not check.reason else f"  {say_why(check.name, check.reason, tongue)}"
    return f"{'✓' if check.ok else '✗'} {say(f'check:{check.name}', tongue)}{time}{why}"
