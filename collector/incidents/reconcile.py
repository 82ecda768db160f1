"""Derived episodes against recorded incidents: which changes make the record say what the data say. Pure.

1. A recorded incident that overlaps a chain of episodes (`chains`) is that chain: its id and its `opened` stay as they
   were recorded, whatever late data add. A chain that nothing recorded overlaps becomes an incident of its own, also
   when it is over already.
2. The record follows the data at once; telling follows fresh news. What is not told yet for want of them is `quiet`:
   the newest measurement must be newer than every one judged before (else late data has come in), and no older than a
   report that comes in time (else a backlog is draining, oldest first). A fresh one that finds things still so makes
   it known.
3. One incident of a subject and cause is active at a time. What is recorded as active, and what no chain overlaps, is
   resolved where the measurements reach back to its beginning: they do not bear it out. Where they do not, it stays.
4. After a person resolved it only what is measured later counts, and makes a new incident. After the rules did, what
   comes back soon opens the same again.
5. While a parent explains a site's trouble, the site opens nothing of its own; what ended with the parent is no
   incident. What still goes on `GRACE` after the parent's end becomes one, with the parent's id.
6. That it became graver is told at once when its severity rises, once per level; other worsening at most once a day.
7. All times are those of the data, so the same data give the same incidents, at whatever moments they are judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from collector.detect.episode import Episode
from collector.incidents.chains import Chain, chains
from collector.incidents.incident import RULES, Cause, Finding, Incident, Severity, Subject, What, begun, moved
from collector.incidents.telling import FLAPS, SETTLED

LATE: Final = timedelta(minutes=15)
UPDATE_EVERY: Final = timedelta(days=1)
WORSE: Final = 0.5
"""Half of the median that was told, or less, is worth telling."""
GRACE: Final = timedelta(minutes=15)
_RANK: Final[dict[Severity, int]] = {"notice": 0, "warning": 1, "critical": 2}

Describe = Callable[[Episode], Finding]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the rules see of one subject and cause now.

    `newest`: the newest measurement that counts. `covers`: the oldest one that the episodes were derived from; None:
    they reach back to the beginning of all trouble. `judged`: the newest that was judged before. `late`: what comes
    later than that after its start came late; the ledger's measure. `parents`: groups of this cause with this site
    among their children, active or not long over.
    """

    subject: Subject
    cause: Cause
    at: datetime
    newest: datetime | None = None
    covers: datetime | None = None
    judged: datetime | None = None
    late: timedelta = LATE
    parents: Sequence[Incident] = ()

    @property
    def is_fresh(self) -> bool:
        """Whether there is news that came in time."""
        if self.newest is None or self.newest < self.at - self.late:
            return False
        return self.judged is None or self.newest > self.judged

    def is_news(self, moment: datetime) -> bool:
        """Whether what happened at that moment could not be known before."""
        return self.judged is None or moment > self.judged


@dataclass(slots=True)
class _Book:
    """What is recorded, oldest first, and what has been changed; the newest change of each incident counts."""

    recorded: list[Incident]
    changes: list[Incident] = field(default_factory=list)

    def put(self, incident: Incident) -> None:
        """Take a change over."""
        self.changes.append(incident)
        known = [place for place, one in enumerate(self.recorded) if one.id == incident.id]
        if known:
            self.recorded[known[0]] = incident
        else:
            self.recorded.append(incident)


def reconcile(
    recorded: Sequence[Incident], episodes: Sequence[Episode], sight: Sight, describe: Describe
) -> list[Incident]:
    """What changes, each as it is after one transition, in order.

    `recorded`: the subject's incidents of this cause that are active or were resolved within the window, oldest first.
    `episodes`: all that the window holds, oldest first, the open one last; only those that began after a person's
    resolution count for what comes after it. `describe` is asked only of an episode of which something is to be said.
    """
    book = _Book(sorted(recorded, key=lambda one: one.opened))
    dismissed = [one.dismissed for one in recorded if one.dismissed is not None]
    found = chains(episodes, sight.cause, dismissed)
    _withdraw(book, found, sight)
    for place, chain in enumerate(found):
        newer = found[place + 1 :]
        match = _match(book.recorded, chain, sight.cause)
        if match is None:
            _begin(book, chain, sight, describe)
        elif not any(is_same(match, other, sight.cause) and not sight.is_news(other.opened) for other in newer):
            _follow(book, match, chain, sight, describe)
    _make_known(book, sight)
    return book.changes


def counts_from(recorded: Sequence[Incident]) -> datetime | None:
    """Only measurements that started later count: when a person last resolved one of these; None: all do."""
    return max((one.dismissed for one in recorded if one.dismissed is not None), default=None)


def episode_of(incident: Incident) -> Episode:
    """An active incident as the open episode that a detector starts from, where older measurements are gone.

    Of one that came back it is the present episode.
    """
    opened = max(
        (s.at for s in incident.history if s.what in ("opened", "reopened", "flapping")), default=incident.opened
    )
    began = incident.evidence.get("since")
    since = opened if began is None else min(opened, msgspec.convert(began, datetime))
    count = {name: incident.evidence.get(name) for name in ("k", "n")}
    k, n = (value if isinstance(value, int) else 0 for value in count.values())
    return Episode(since, opened, opened, None, k, n)


def inhibitor(sight: Sight, chain_since: datetime, closed: datetime | None) -> Incident | None:
    """The parent that explains a site's trouble; None: it stands for itself."""
    for parent in sight.parents:
        over = parent.resolved
        if over is None:
            return parent
        if chain_since > over:
            continue
        if (closed is not None and closed <= over + GRACE) or sight.at < over + GRACE:
            return parent
    return None


def _match(recorded: Sequence[Incident], chain: Chain, cause: Cause) -> Incident | None:
    """The recorded incident that a chain is: an active one before others, a newer before an older."""
    found = [one for one in recorded if is_same(one, chain, cause)]
    return max(found, key=lambda one: (one.active, one.opened), default=None)


def is_same(incident: Incident, chain: Chain, cause: Cause) -> bool:
    """Whether a chain is what a recorded incident stands for."""
    end = incident.resolved
    if chain.overlaps(incident.since, end):
        return True
    soon = end is not None and timedelta(0) <= chain.opened - end <= SETTLED[cause]
    return soon and incident.dismissed is None


def _withdraw(book: _Book, found: Sequence[Chain], sight: Sight) -> None:
    for incident in [one for one in book.recorded if one.active]:
        borne_out = any(is_same(incident, chain, sight.cause) for chain in found)
        known = sight.newest is not None and (sight.covers is None or sight.covers <= incident.since)
        if not borne_out and known and sight.newest is not None and sight.newest > incident.opened:
            book.put(_quietly(moved(incident, "resolved", sight.newest, who=RULES, what="withdrawn"), sight))


def _begin(book: _Book, chain: Chain, sight: Sight, describe: Describe) -> None:
    if inhibitor(sight, chain.since, chain.closed) is not None:
        return
    parent = next((one for one in sight.parents if chain.since <= (one.resolved or sight.at)), None)
    first = chain.episodes[0]
    quiet = not sight.is_fresh
    by = None if parent is None else parent.id
    book.put(begun(sight.subject, sight.cause, first.opened, describe(first), quiet=quiet, parent=by))
    _walk(book, book.changes[-1], chain, sight, describe)


def _follow(book: _Book, incident: Incident, chain: Chain, sight: Sight, describe: Describe) -> None:
    if incident.dismissed is not None:
        return
    if inhibitor(sight, chain.since, chain.closed) is not None and not incident.active:
        return
    _walk(book, incident, chain, sight, describe)
    now = book.changes[-1] if book.changes and book.changes[-1].id == incident.id else incident
    if now is incident and incident.active and chain.closed is None:
        _update(book, incident, chain.episodes[-1], sight, describe)


def _walk(book: _Book, incident: Incident, chain: Chain, sight: Sight, describe: Describe) -> None:
    """Take an incident through those ends and returns of its chain that it does not know of."""
    known = max((s.at for s in incident.history if s.who == RULES and s.what in _MOVES), default=incident.opened)
    for episode in chain.episodes:
        if not incident.active and episode.opened > max(known, incident.resolved or known):
            incident = _reopened(incident, episode, sight, describe(episode))
            book.put(incident)
        closed = chain.closed if episode is chain.episodes[-1] else episode.closed
        if incident.active and closed is not None and (closed > known or closed == chain.closed):
            weak = f"{episode.k}/{episode.n}"
            incident = _quietly(moved(incident, "resolved", closed, who=RULES, note=weak), sight)
            book.put(incident)
    if not incident.active and chain.closed is None:  # late data say that it was never over
        last = chain.episodes[-1]
        book.put(_reopened(incident, last, sight, describe(last)))


_MOVES: Final = ("opened", "reopened", "flapping", "resolved", "withdrawn", None)


def _reopened(incident: Incident, episode: Episode, sight: Sight, finding: Finding) -> Incident:
    what: What = "flapping" if incident.reopened + 1 >= FLAPS else "reopened"
    changed = moved(incident, "open", episode.opened, who=RULES, what=what)
    return _quietly(_saying(changed, finding), sight)


def _quietly(incident: Incident, sight: Sight) -> Incident:
    return msgspec.structs.replace(incident, quiet=not sight.is_fresh)


def _saying(incident: Incident, finding: Finding) -> Incident:
    return msgspec.structs.replace(
        incident,
        severity=finding.severity,
        summary=finding.summary,
        evidence=msgspec.to_builtins(finding.evidence),
        first_action=finding.first_action,
    )


def _update(book: _Book, incident: Incident, episode: Episode, sight: Sight, describe: Describe) -> None:
    """Say that it became graver, only with fresh news: a higher severity at once, all else at most once a day.

    A severity never falls while it is open, so each is said once; of what comes and goes it waits its day as well.
    """
    if not sight.is_fresh or incident.quiet or sight.newest is None or inhibitor(sight, episode.since, None):
        return
    finding = describe(episode)
    if _RANK[finding.severity] < _RANK[incident.severity]:
        finding = replace(finding, severity=incident.severity)
    rises = finding.severity != incident.severity
    said = [step.at for step in incident.history if step.what in (*_MOVES, "updated")]
    is_due = sight.newest - max(said, default=incident.opened) >= UPDATE_EVERY
    at_once = rises and incident.reopened < FLAPS
    if at_once or (is_due and (rises or _is_weaker(incident, finding))):
        book.put(_saying(moved(incident, incident.state, sight.newest, who=RULES, what="updated"), finding))


def _is_weaker(incident: Incident, finding: Finding) -> bool:
    before, now = incident.evidence.get("median"), finding.evidence.get("median")
    numbers = isinstance(before, (int, float)) and isinstance(now, (int, float))
    return numbers and now <= before * WORSE  # type: ignore[operator]  # both are numbers


def _make_known(book: _Book, sight: Sight) -> None:
    """Tell what was recorded quietly and is still so: fresh news confirm it."""
    if not sight.is_fresh:
        return
    for incident in list(book.recorded):
        explained = incident.active and inhibitor(sight, incident.since, None) is not None
        unknown = incident.active or incident.told == "open"
        if incident.quiet and unknown and not explained:
            at = sight.newest or sight.at
            changed = moved(incident, incident.state, at, who=RULES, what="confirmed")
            book.put(msgspec.structs.replace(changed, quiet=False))
