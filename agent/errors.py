"""What can go wrong on the agent's side, whose fault it is, and what the operator can do.

AgentError           one plain line: what, why, what to do
├── UsageError       wrong usage or configuration; exit code 2
└── SpoolError       the disk refused; the service says so and goes on measuring
Failed               carries a wire Failure up to `measure`: the network's answer, not an accident
"""

from agent.wire.failure import Failure, Reason, Stage
from agent.wire.report import Peer


class AgentError(Exception):
    """One plain line for stderr: what failed, why, and what the operator can do."""

    exit_code = 1


class UsageError(AgentError):
    """Wrong usage or configuration."""

    exit_code = 2


class SpoolError(AgentError):
    """The spool could not keep or give a report."""


class Failed(Exception):  # noqa: N818 - not an accident: the named outcome of a network step
    """A network step did not do what was asked.

    `family` and `peer` are what had been chosen by then; None for what had not.
    """

    family: str | None = None
    peer: Peer | None = None

    def __init__(self, stage: Stage, reason: Reason, detail: str | None = None) -> None:
        super().__init__(f"{stage}:{reason}" + (f" ({detail})" if detail else ""))
        self.failure = Failure(stage, reason, detail[:500] if detail else None)
