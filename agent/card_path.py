"""The card of a path: the way as a list of routers, part by part, and whose part fails. Pure."""

from typing import Final

from agent.card_row import Row
from agent.wire.path import Hop, Path
from agent.words import Language, advice_on_path, say

PARTS: Final = ("lan", "access", "provider", "destination")
_DOT: Final = " · "


def rows(result: Path, tongue: Language) -> list[Row]:
    """Say where the way ends and in whose part, then draw it, then how the nearest routers fare."""
    failure = result.failure
    more = [("path:changed", result.changed), ("path:remembered", result.remembered)]
    state = [_state(result, tongue), *(say(key, tongue) for key, is_so in more if is_so)]
    why = () if failure is None else (say(f"reason:{failure.reason}", tongue), _where(result, tongue))
    whose = say(f"part:{result.domain}" if result.domain else "path:unknown", tongue)
    return [
        Row(say("state", tongue), _DOT.join(state), "figure"),
        Row(say("path:whose", tongue), "" if failure is None else whose, "doubt"),
        Row(say("why", tongue), _DOT.join(filter(None, why))),
        *_way(result, tongue),
        Row(say("router", tongue), _near(result.first_hop_rtt_ms, result.first_hop_loss_ratio, tongue)),
        Row(say("path:far", tongue), _near(result.provider_hop_rtt_ms, result.provider_hop_loss_ratio, tongue)),
        Row(say("method", tongue), result.method),
        Row(
            say("check", tongue),
            "" if failure is None else advice_on_path(result.domain, tongue, reason=failure.reason),
        ),
    ]


def _state(result: Path, tongue: Language) -> str:
    if result.reached:
        time = "" if result.rtt_ms is None else f", {result.rtt_ms:.1f} ms"
        how = "path:answered" if result.hops_count is None else "path:reached"
        return say(how, tongue).format(result.hops_count) + time
    return say("path:nobody" if result.ends_at is None else "path:ends", tongue).format(result.ends_at)


def _where(result: Path, tongue: Language) -> str:
    """The last router that answered, or that refuses; nothing if nobody did."""
    last = next((hop for hop in result.hops or [] if hop.ttl == result.ends_at and hop.address), None)
    return "" if last is None else say("path:said" if last.said else "path:beyond", tongue).format(last.address)


def _way(result: Path, tongue: Language) -> list[Row]:
    """One line a router, under the part that it belongs to; a part without a router has a line as well."""
    drawn: list[Row] = []
    for part, hops in zip(PARTS, _by_part(result), strict=True):
        lines = [_line(hop, result, tongue) for hop in hops]
        if not hops and result.hops_count != 1:  # a peer on the same link has no such parts before it
            lines = [_bare(part, result, tongue)]
        label = say(f"part:{part}", tongue)
        drawn += [Row("" if place else label, line) for place, line in enumerate(lines)]
    return drawn


def _by_part(result: Path) -> list[list[Hop]]:
    """Put each hop to its part: a silent one to that of the one before it; behind the end to the part at fault."""
    found: list[list[Hop]] = [[] for _ in PARTS]
    place = 0
    for hop in result.hops or []:
        part = result.domain if _is_beyond(hop, result) else hop.part
        if part in PARTS:
            place = max(place, PARTS.index(part))
        if part in PARTS or not _is_beyond(hop, result):
            found[place].append(hop)
    return found


def _is_beyond(hop: Hop, result: Path) -> bool:
    return hop.address is None and hop.ttl > (result.ends_at or 0)


def _line(hop: Hop, result: Path, tongue: Language) -> str:
    if hop.address is None:
        sign = "✗" if _is_beyond(hop, result) else "·"
        return f"{sign} {hop.ttl:>2}  {say('path:silent', tongue)}"
    said = f"  {say(f'reason:{hop.said}', tongue)}" if hop.said else ""
    time = "" if hop.rtt_ms is None else f"  {hop.rtt_ms:.1f} ms"
    return f"{'✗' if hop.said else '✓'} {hop.ttl:>2}  {hop.address}{time}{said}"


def _bare(part: str, result: Path, tongue: Language) -> str:
    """A part in which no router showed: passed if anything farther out answered, at fault, suspect, or not come to."""
    if part == (result.domain or (PARTS[-1] if not result.reached else None)):
        return f"✗  {say('path:silent', tongue)}"
    farther = {hop.part for hop in result.hops or [] if hop.address is not None} & set(PARTS[PARTS.index(part) + 1 :])
    return "✓" if farther or result.reached else "·" if result.domain else "?"


def _near(rtt_ms: float | None, loss: float | None, tongue: Language) -> str:
    lost = "" if loss is None else f"{say('lost', tongue).lower()} {loss:.0%}"
    return _DOT.join(filter(None, ("" if rtt_ms is None else f"{rtt_ms:.1f} ms", lost)))
