"""Which of the named peers a run goes to, what it is told about them, and what to expect of the choice. Pure."""

from collections.abc import Sequence
from typing import Final, Literal

from agent.config import AROUND_S, DIRECTION_S, KindSettings, PeerSettings
from agent.errors import UsageError
from agent.net.peer_url import parse

# Best first: a kind uses the peers of the first group that has any. What is no more than a reference comes last.
_ENGINES: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "throughput": (
        frozenset({"msak"}),
        frozenset({"ndt7", "librespeed", "iperf3", "mlab"}),
        frozenset({"ookla"}),
    ),
    "latency": (frozenset({"stamp"}), frozenset({"msak", "ndt7"}), frozenset({"librespeed", "iperf3"})),
    "ipv6": (frozenset({"msak", "ndt7", "librespeed", "iperf3"}),),
    "path": (frozenset({"msak", "ndt7", "stamp"}), frozenset({"librespeed", "iperf3"})),
}
NO_PEER: Final = frozenset({"dns", "web", "radio"})
"""The kinds that know themselves whom to ask."""
# Services that strangers run: whom they trust is not ours to choose.
_PUBLIC: Final = frozenset({"mlab", "ookla"})
_DAY_S: Final = 86_400
MLAB_A_DAY: Final = 4


def peers_for(kind: str, urls: Sequence[str]) -> list[str]:
    """Name the peers that fit a kind best, in their order; empty if none does."""
    engines = {url: parse(url).engine for url in urls}
    for group in _ENGINES.get(kind, ()):
        fitting = [url for url in urls if engines[url] in group]
        if fitting:
            return fitting
    return []


def peer_for(kind: str, urls: Sequence[str], *, turn: int = 0) -> str:
    """Choose the peer for a kind; those that fit equally well take turns. Raises UsageError if none fits.

    Gives "" for a kind that needs none.
    """
    if kind in NO_PEER:
        return ""
    fitting = peers_for(kind, urls)
    if not fitting:
        raise UsageError(f"no peer for {kind} among {', '.join(urls) or 'none'}; name one with --peer or in peer.urls")
    return fitting[turn % len(fitting)]


def turn_of(settings: KindSettings, slot: int) -> tuple[Literal["ipv4", "ipv6"] | None, int]:
    """The family of a slot's run (None: auto), and whose turn it is among peers: each meets both families."""
    match settings.family:
        case "both":
            return ("ipv6" if slot % 2 else "ipv4"), slot // 2
        case "auto":
            return None, slot
        case family:
            return family, slot


def options_for(kind: str, settings: KindSettings, peer: PeerSettings, *, url: str) -> dict[str, str]:
    """Give a kind's own options for a peer; [peer] ca becomes one where TLS is spoken to a server of one's own.

    The kind's own `ca` stays, and M-Lab and Ookla are checked by the authorities of the system.
    """
    ours = kind == "throughput" and parse(url).engine not in _PUBLIC
    trusted = {"ca": peer.ca} if peer.ca is not None and ours else {}
    return trusted | settings.options


def cautions(kind: str, settings: KindSettings, peer: PeerSettings) -> list[str]:
    """Say what will not go as the configuration wants it, because a service or an engine does not allow it."""
    if kind != "throughput":
        return []
    urls = [settings.peer] if settings.peer else peers_for(kind, peer.urls)
    engines = [parse(url).engine for url in urls]
    found = _about_time(kind, settings)
    runs = _DAY_S / settings.every_s * engines.count("mlab") / max(1, len(engines))
    if runs > MLAB_A_DAY:
        enough = _DAY_S / MLAB_A_DAY * engines.count("mlab") / len(engines)
        found.append(
            f"schedule.{kind}: {runs:g} runs a day with M-Lab, which allows {MLAB_A_DAY}; the others will fail as"
            f" device:budget. Set every_s to {enough:g} or more"
        )
    if "ookla" in engines and (settings.max_bytes or settings.first_max_bytes):
        found.append(
            f"schedule.{kind}: speedtest-cli keeps no budget of bytes, so every run with Ookla that has max_bytes will"
            " fail as device:budget. Leave max_bytes out, or use another peer"
        )
    return found


def _about_time(kind: str, settings: KindSettings) -> list[str]:
    """What of the seconds cannot be meant as it stands."""
    found = []
    asked = max(settings.max_seconds or 0, settings.first_max_seconds or 0)
    if asked > DIRECTION_S:
        found.append(f"schedule.{kind}: max_seconds = {asked:g} counts as {DIRECTION_S:g}: no direction takes longer")
    usual = settings.max_seconds or DIRECTION_S
    first = (settings.first_max_seconds or usual) if settings.first_runs else 0
    needed = 2 * min(DIRECTION_S, max(usual, first)) + AROUND_S
    if settings.deadline_s < needed:
        found.append(
            f"schedule.{kind}: deadline_s = {settings.deadline_s:g} may end a run before its second direction is"
            f" through; {needed:g} s are enough"
        )
    return found
