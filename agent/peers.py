"""Which of the named peers a run goes to, and what it is told about them. Pure."""

from collections.abc import Sequence
from typing import Final

from agent.config import KindSettings, PeerSettings
from agent.errors import UsageError
from agent.net.peer_url import parse

# Best first: a kind uses the peers of the first group that has any.
_ENGINES: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "throughput": (frozenset({"msak"}), frozenset({"ndt7", "librespeed", "iperf3", "ookla", "mlab"})),
    "latency": (frozenset({"stamp"}), frozenset({"msak", "ndt7"})),
    "ipv6": (frozenset({"msak", "ndt7", "librespeed", "iperf3"}),),
}


def peer_for(kind: str, urls: Sequence[str], *, turn: int = 0) -> str:
    """Choose the peer for a kind; those that fit equally well take turns. Raises UsageError if none fits."""
    engines = {url: parse(url).engine for url in urls}
    for group in _ENGINES.get(kind, ()):
        fitting = [url for url in urls if engines[url] in group]
        if fitting:
            return fitting[turn % len(fitting)]
    raise UsageError(f"no peer for {kind} among {', '.join(urls) or 'none'}; name one with --peer or in peer.urls")


def options_for(kind: str, settings: KindSettings, peer: PeerSettings) -> dict[str, str]:
    """Give a kind's own options; [peer] ca becomes one where TLS is spoken, unless the kind names its own."""
    trusted = {"ca": peer.ca} if peer.ca is not None and kind == "throughput" else {}
    return trusted | settings.options
