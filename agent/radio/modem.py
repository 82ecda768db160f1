"""A modem kept open for samples: what the probe and the survey read, whichever way the modem is reached."""

from typing import Protocol

from agent.radio.position import PositionSource
from agent.wire.report import Link
from agent.wire.results import Radio


class Modem(Protocol):
    """An open modem. It is never enabled, connected, registered or unlocked: what it is found doing is the sample."""

    async def sample(self) -> Radio:
        """Take one sample, without position. Raises Failed, at stage `device`, if there is no modem (any more)."""
        ...

    @property
    def link(self) -> Link | None:
        """The interface that carries the modem's data connection, as of the last sample; None if not known."""
        ...

    @property
    def gnss(self) -> PositionSource | None:
        """The modem's own receiver, if it was asked for and is there."""
        ...
