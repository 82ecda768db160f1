"""What an InfluxDB-like server's HTTP answer to a write means. Pure.

"Refused for good" costs a report its place in the series, so it needs the database's own word: a JSON error about
points. Whatever a proxy, a login page or an overload says is "try again".
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from collector.errors import StoreFull, StoreUnavailable

Outcome = Literal["stored", "refused", "too_large", "no_database"]

_STORED: Final = 204
_REFUSED: Final = (400, 422)
_DENIED: Final = (401, 403)
_MISSING: Final = 404
_TOO_LARGE: Final = 413
_NO_ROOM: Final = re.compile(r"no space left|disk (is )?full|quota exceeded|out of disk", re.IGNORECASE)
_SERVER_FAULT: Final = 500
# Anchored, because an error about one line quotes that line, and its text is an agent's.
_LIMIT: Final = re.compile(r"partial write: max-(series-per-database|values-per-tag) limit exceeded")
_SETTING: Final = re.compile(r"(database is required|database name required|retention policy not found)", re.IGNORECASE)
_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status code and body."""

    status: int
    body: str

    @property
    def words(self) -> str:
        """What the server said, short enough for one line."""
        said = self.error if self.error is not None else self.body
        return " ".join(said.split())[:_WORDS] or f"HTTP status {self.status}"

    @property
    def error(self) -> str | None:
        """The database's own error text; None when the body is not its JSON."""
        try:
            found: Any = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        text = found.get("error") or found.get("message")
        return text if isinstance(text, str) else None


def outcome(answer: Answer, where: str) -> Outcome:
    """What became of a batch; `where` names the server for the operator, without secrets.

    Raises:
        StoreFull: the server has no room, or stands at a limit that the operator can raise.
        StoreUnavailable: nothing can be said of the batch; try again.
    """
    if answer.status == _STORED:
        return "stored"
    if answer.status == _TOO_LARGE:
        return "too_large"
    if answer.status in _DENIED:
        raise StoreUnavailable(f"{where} does not let us in: {answer.words}; check the store's user, password or token")
    if answer.status == _MISSING and answer.error is not None:
        return "no_database"
    _check_room(answer, where)
    if answer.status in _REFUSED and answer.error is not None and not _SETTING.match(answer.error):
        return "refused"
    raise StoreUnavailable(f"{where} did not take the points: {answer.words} ({answer.status}); it is tried again")


def _check_room(answer: Answer, where: str) -> None:
    if answer.status >= _SERVER_FAULT and _NO_ROOM.search(answer.words):
        raise StoreFull(f"{where} has no room left: {answer.words}; free some space, the reports wait at the agents")
    if answer.status in _REFUSED and _LIMIT.match(answer.error or ""):
        raise StoreFull(f"{where} stands at a limit: {answer.words}; raise it, the reports wait at the agents")
