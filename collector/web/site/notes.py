"""What happened at a site, as marks on its charts: incidents, planned work, other software or contracts. Pure."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from collector.incidents.incident import Incident
from collector.incidents.maintenance import Window
from collector.registry.site import Site, Version
from collector.web.plot import Note, NoteKind, second
from collector.web.words import NOTHING, Words

_TOLD: Final = ("access", "provider", "contract_down_mbps", "contract_up_mbps", "plan", "commune")
"""Changes of these are worth a mark."""


@dataclass(frozen=True, slots=True)
class Change:
    """An agent's software or profile was another from a moment on."""

    at: datetime
    agent: str
    kind: NoteKind
    before: str
    after: str


def notes(
    incidents: Iterable[Incident], work: Iterable[Window], changes: Iterable[Change], words: Words, *, now: datetime
) -> list[Note]:
    """The marks of what happened, oldest first."""
    found = [_incident(one, words, now) for one in incidents]
    found += [_work(one, words) for one in work]
    found += [
        Note(kind=one.kind, start=second(one.at), said=f"{words.time(one.at)}\n{one.agent}: {one.before} → {one.after}")
        for one in changes
    ]
    return sorted(found, key=lambda note: note.start)


def places(versions: Sequence[Version[Site]], words: Words) -> list[Note]:
    """Where the registry began to say something else about the line."""
    found = []
    for before, after in itertools.pairwise(versions):
        old, new = asdict(before.value), asdict(after.value)
        told = [
            f"{words.say('site-' + name)}: {old[name] or NOTHING} → {new[name] or NOTHING}"
            for name in _TOLD
            if old[name] != new[name]
        ]
        if told and after.since is not None:
            found.append(
                Note(kind="place", start=second(after.since), said="\n".join([words.time(after.since), *told]))
            )
    return found


def _incident(one: Incident, words: Words, now: datetime) -> Note:
    until = one.resolved if one.resolved is not None and not one.active else now
    return Note(
        kind="incident",
        start=second(one.since),
        end=second(max(until, one.since)),
        said=f"{words.say('cause-' + one.cause)}\n{words.time(one.since)}\n{getattr(one.summary, words.language)}",
        href=f"/incidents/{one.id}",
    )


def _work(one: Window, words: Words) -> Note:
    until = min(one.ends, one.ended or one.ends)
    said = [words.say("Planned work"), words.time(one.starts), *([one.note] if one.note else [])]
    return Note(kind="maintenance", start=second(one.starts), end=second(until), said="\n".join(said))
