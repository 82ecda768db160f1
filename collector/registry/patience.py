"""A PostgreSQL connection that gives up on a server which says nothing any more.

The server's own limits end what takes too long, and the system's what cannot be delivered; neither ends the wait for a
machine that still confirms packets and does nothing else. A thread that waits for ever would be lost to us.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import READY_NONE, Ready, Wait

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """As psycopg's; an answer that does not come in time is an OperationalError, and the connection is closed."""

    silence_s = float("inf")

    def wait(self, gen: PQGen[T], *arguments: Any, **named: Any) -> T:  # noqa: ANN401 - as psycopg's, of any version
        """As psycopg.Connection.wait, for so long and no longer."""
        answer: T = super().wait(self._limited(gen), *arguments, **named)
        return answer

    def _limited(self, gen: PQGen[T]) -> Generator[Wait, Ready | int, T]:
        deadline = monotonic() + self.silence_s
        try:
            wish = next(gen)
            while True:
                ready = yield wish
                if ready == READY_NONE and monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has said nothing for {self.silence_s:.0f} s")
                wish = gen.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value
