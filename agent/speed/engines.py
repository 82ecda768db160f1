"""The table of throughput engines: which module serves which peer URL. Each is imported when first used."""

from importlib import import_module
from typing import Final

from agent.errors import UsageError
from agent.net.peer_url import PeerUrl
from agent.speed.engine import Engine

_MODULES: Final = {
    "msak": "msak",
    "ndt7": "ndt7",
    "mlab": "mlab",
    "librespeed": "librespeed",
    "iperf3": "iperf3",
    "ookla": "ookla",
}


def engine_for(url: PeerUrl) -> Engine:
    """The engine that speaks to this peer. Raises UsageError if none does."""
    name = _MODULES.get(url.engine)
    if name is None:
        raise UsageError(f"peer {url.text!r}: {url.engine} measures no throughput; use msak+wss:// or msak+ws://")
    engine: Engine = import_module(f"agent.speed.{name}").ENGINE
    return engine
