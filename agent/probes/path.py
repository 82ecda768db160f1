"""The routers on the way to the peer, and whose part of the way fails."""

from agent.errors import Failed
from agent.probes.probe import Outcome, Task
from agent.wire.failure import Reason, Stage


async def probe(task: Task) -> Outcome:  # noqa: ARG001 - the signature of every probe
    """Raise Failed: this kind is being built."""
    raise Failed(Stage.DEVICE, Reason.INTERNAL, "this kind of probe is being built")
