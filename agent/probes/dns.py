"""Name resolution at the site: every configured resolver beside a reference, over each transport."""

from agent.errors import Failed
from agent.probes.probe import Outcome, Task
from agent.wire.failure import Reason, Stage


async def probe(task: Task) -> Outcome:  # noqa: ARG001 - the signature of every probe
    """Raise Failed: this kind is being built."""
    raise Failed(Stage.DEVICE, Reason.INTERNAL, "this kind of probe is being built")
