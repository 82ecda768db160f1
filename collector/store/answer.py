"""What an InfluxDB-like server's HTTP answer to a write means. Pure.

"Refused for good" costs a report its place in the series, so it needs the database's own word: a JSON error about
points. Whatever a proxy, a login page or an overload says is "try again".

| what comes back                                    | rule                                                          |
| -------------------------------------------------- | ------------------------------------------------------------- |
| 204                                                | every line of the piece is stored; nothing else says so       |
| 400, 422 with the database's JSON (partial write,  | good lines are stored, some are not: halved and written again |
| type conflict, unparsable)                        | (harmless) until the bad line stands alone: that is refused   |
| the same, ending in dropped=N, all N of the piece  | all are refused, without looking for them                     |
| "points beyond retention policy"                   | refused likewise, in words of retention and clock: the agent  |
|                                                    | keeps the report and tries hourly; a server whose clock runs  |
|                                                    | ahead takes it once that is mended                            |
| 400 without such JSON, 200, redirects, status 0    | somebody else answers: try again; a redirect names its place  |
| 401, 403                                           | try again; the operator is told what to check                 |
| 404 with the database's JSON                       | no database: it is made, once per batch (2.x: try again)      |
| 404 without                                        | not that database: try again                                  |
| 413                                                | halved; a single line that is too large is refused            |
| 429, 503 with Retry-After                          | try again, not before that, but within `store.retry_max_s`    |
| 5xx                                                | try again; "no space left" and the like are StoreFull         |
| limits of series or values (max-series-…)          | StoreFull: the operator can raise them                        |
| no answer in time, however slowly it drips; cut in | nothing can be said of the piece: try again                   |
| the middle; refused or reset connection            |                                                               |
| bodies beyond `influx.ANSWER_BYTES`                | a write's is cut (its status counts), a question's: try again |
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import msgspec

from collector.errors import StoreFull, StoreUnavailable

Outcome = Literal["stored", "refused", "all_refused", "too_large", "no_database"]

_STORED: Final = 204
_REFUSED: Final = (400, 422)
_DENIED: Final = (401, 403)
_MISSING: Final = 404
_TOO_LARGE: Final = 413
_NO_ROOM: Final = re.compile(r"no space left|disk (is )?full|quota exceeded|out of disk", re.IGNORECASE)
_SERVER_FAULT: Final = 500
_REDIRECTS: Final = range(300, 400)
# Anchored, because an error about one line quotes that line, and its text is an agent's.
_LIMIT: Final = re.compile(r"partial write: max-(series-per-database|values-per-tag) limit exceeded")
_SETTING: Final = re.compile(r"(database is required|database name required|retention policy not found)", re.IGNORECASE)
_ALL: Final = re.compile(r"dropped=(\d{1,9})$")
_BEYOND: Final = re.compile(r"(failure writing points to database: )?partial write: points beyond retention policy")
_YEAR_S: Final = 31_622_400
_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status code, body, how long it asks us to wait, and where it points to."""

    status: int
    body: str
    retry_after_s: float = 0.0
    location: str = ""

    @property
    def words(self) -> str:
        """What the server said, short enough for one line."""
        said = self.error if self.error is not None else self.body
        if _BEYOND.match(said):
            said += " (the points are older than the database keeps, or its clock is wrong; see store check)"
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


def patience(retry_after: str | None, date: str | None) -> float:
    """How many seconds a Retry-After asks for: a number, or a time that is compared with the answer's own Date."""
    text = (retry_after or "").strip()
    if text.isdecimal() and len(text) < len(str(_YEAR_S)):
        return float(text)
    try:
        asked = parsedate_to_datetime(text) - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):  # no dates, or one of them without a zone
        return 0.0
    return min(max(0.0, asked.total_seconds()), _YEAR_S)


def outcome(answer: Answer, where: str, lines: int = 1) -> Outcome:
    """What became of a batch of so many lines; `where` names the server for the operator, without secrets.

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
        dropped = _ALL.search(answer.error)
        return "all_refused" if lines > 1 and dropped is not None and int(dropped[1]) == lines else "refused"
    raise _untaken(answer, where)


def _untaken(answer: Answer, where: str) -> StoreUnavailable:
    if answer.status in _REDIRECTS:
        place = " ".join(answer.location.split())[:_WORDS] or "elsewhere"
        return StoreUnavailable(f"{where} points to {place} instead of taking the points: put that into store.url")
    setting = answer.error is not None and _SETTING.match(answer.error) is not None
    hint = "make it with: linkgauge-collector store init" if setting else "it is tried again"
    return StoreUnavailable(
        f"{where} did not take the points: {answer.words} ({answer.status}); {hint}",
        retry_after_s=answer.retry_after_s,
    )


def _check_room(answer: Answer, where: str) -> None:
    if answer.status >= _SERVER_FAULT and _NO_ROOM.search(answer.words):
        raise StoreFull(f"{where} has no room left: {answer.words}; free some space, the reports wait at the agents")
    if answer.status in _REFUSED and _LIMIT.match(answer.error or ""):
        raise StoreFull(f"{where} stands at a limit: {answer.words}; raise it, the reports wait at the agents")
