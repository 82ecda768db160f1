"""Many sites that fail together: one parent instead of many incidents. Pure; thresholds are data.

1. Sites fail together when their present trouble began within `within` of now. A group (sites with one peer, of one
   provider in one commune, of one provider in one province, of one commune, of one province) explains them when at
   least `sites` of it and at least the share `share` of those that were measured fail, and one of them is decided.
2. The best explanation is the one that fits: most of what fails lies in it (recall), and most of what lies in it fails
   (precision); their harmonic mean is the fit. Of explanations that fit alike (within `alike`) the first in the order
   above is taken. What it leaves over is explained in turn.
3. A parent takes in what fails later, and ends when at most the share `over` of its group that was measured since
   fails; a site whose trouble is older than the parent stands for itself.
4. Who cannot be heard because of us proves nothing: while we do not listen ourselves, nothing is grouped, and no parent
   ends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from collector.incidents.grouping_words import finding_of
from collector.incidents.incident import RULES, By, Cause, Group, Incident, State, Subject, What, begun, moved
from collector.incidents.reconcile import UPDATE_EVERY
from collector.incidents.telling import FLAPS, SETTLED

Settling = Callable[[Sequence[Incident]], Sequence[Incident]]
ORDER: Final[tuple[By, ...]] = ("peer", "provider_commune", "provider", "commune", "province")


@dataclass(frozen=True, slots=True)
class Rule:
    """When sites of one cause fail together. `levels`: in what they may be alike, the most specific first."""

    within: timedelta
    sites: int = 3
    share: float = 0.5
    over: float = 0.25
    alike: float = 0.05
    levels: tuple[By, ...] = ORDER


RULES_OF: Final[Mapping[Cause, Rule]] = {
    "outage": Rule(timedelta(minutes=30)),
    "silent": Rule(timedelta(hours=1), levels=ORDER[1:]),  # who is not heard has no peer
    "collapse": Rule(timedelta(hours=24)),
    "below_target": Rule(timedelta(days=7)),
    "below_contract": Rule(timedelta(days=7)),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one site stands with one cause now.

    `measured`: it said something within its last interval (or should have, where the cause is silence). `since`: its
    present trouble began then; None: there is none. `decided`: an incident would be opened now.
    """

    site: str
    measured: bool
    since: datetime | None = None
    decided: bool = False
    peer: str | None = None
    provider: str | None = None
    commune: str | None = None
    province: str | None = None

    def group(self, by: By) -> Group | None:
        """The group that it belongs to; None where that is not known."""
        parts = {
            "peer": (self.peer,),
            "provider_commune": (self.provider, self.commune, self.province),
            "provider": (self.provider, self.province),
            "commune": (self.commune, self.province),
            "province": (self.province,),
        }[by]
        names = [part for part in parts if part]
        return Group(by, ", ".join(names)) if len(names) == len(parts) else None


@dataclass(frozen=True, slots=True)
class Grouping:
    """What follows: parents as they are after one change each, and which parent explains which site."""

    changes: list[Incident] = field(default_factory=list)
    inhibited: dict[str, str] = field(default_factory=dict)


def grouped(
    cause: Cause,
    standings: Sequence[Standing],
    parents: Sequence[Incident],
    *,
    at: datetime,
    listening: bool = True,
    rule: Rule | None = None,
) -> Grouping:
    """Decide, before any site's incident of this cause is opened, which sites fail together.

    `standings`: of all sites, one each. `parents`: the active ones of this cause, and those resolved within `SETTLED`:
    what comes back soon after the rules resolved it is the same; what began before a person's word is grouped no more.
    """
    rule = rule or RULES_OF[cause]
    found = Grouping()
    active = [parent for parent in parents if parent.active and parent.cause == cause]
    if not listening:
        found.inhibited.update({site: parent.id for parent in active for site in parent.children})
        return found
    for parent in active:
        _go_on(found, parent, standings, at=at, rule=rule)
    fresh = [one for one in standings if one.measured and one.site not in found.inhibited]
    rest = [one for one in fresh if one.since is None or _is_new(one.site, one.since, parents, at - rule.within)]
    busy = {parent.subject for parent in active}
    while (best := _best(rest, rule, busy)) is not None:
        members = [one for one in rest if one.group(best.by) == best]
        failing = [one for one in members if one.since is not None]
        parent = _again(_parent(cause, best, members, failing), parents)
        found.changes.append(parent)
        found.inhibited.update({one.site: parent.id for one in failing})
        rest = [one for one in rest if one.site not in found.inhibited]
        busy.add(best.key)
    return found


def _go_on(found: Grouping, parent: Incident, standings: Iterable[Standing], *, at: datetime, rule: Rule) -> None:
    """Keep a parent: take in who fails now, or end it.

    Its children count though they belong to it no more: a peer that was renamed would be failing for ever.
    """
    members = [
        one
        for one in standings
        if parent.group is not None and (one.site in parent.children or one.group(parent.group.by) == parent.group)
    ]
    measured = [one for one in members if one.measured]
    failing = [one for one in measured if one.since is not None and one.since >= parent.since - rule.within]
    if measured and len(failing) <= len(measured) * rule.over:
        ended = moved(parent, "resolved", at, who=RULES, note=f"{len(failing)}/{len(measured)}")
        found.changes.append(ended)
        return
    kept = [*parent.children, *sorted(one.site for one in failing if one.site not in parent.children)]
    found.inhibited.update(dict.fromkeys(kept, parent.id))
    if len(kept) > len(parent.children):
        found.changes.append(_grown(parent, kept, len(members), at))


def _grown(parent: Incident, children: list[str], n: int, at: datetime) -> Incident:
    """A parent with more children. Told is only that they have become twice as many, and that once a day."""
    said = max((s.at for s in parent.history if s.what in ("opened", "updated")), default=parent.opened)
    told = parent.evidence.get("told", parent.evidence.get("k"))
    is_news = isinstance(told, int) and len(children) >= 2 * told and at - said >= UPDATE_EVERY
    what: What = "updated" if is_news else "joined"
    evidence = parent.evidence | {"k": len(children), "n": n, "told": len(children) if is_news else told}
    summary = parent.summary
    if is_news and parent.group is not None:
        summary = finding_of(parent.cause, parent.group, k=len(children), n=n, since=parent.since).summary
    now = moved(parent, parent.state, at, who=RULES, note=str(len(children)), what=what)
    return msgspec.structs.replace(now, children=children, evidence=evidence, summary=summary)


def steps_of(changes: Iterable[Incident]) -> dict[tuple[str, Cause], Settling]:
    """The changes of parents as steps on what is recorded: somebody may have acted on one meanwhile."""
    return {(change.subject, change.cause): partial(_rebased, change) for change in changes}


def _rebased(change: Incident, recorded: Sequence[Incident]) -> list[Incident]:
    last = change.history[-1]
    active = next((one for one in recorded if one.active), None)
    known = next((one for one in recorded if one.id == change.id), None)
    if last.what == "opened":
        return [] if active is not None or known is not None else [change]
    if last.what in ("reopened", "flapping"):
        return [] if active is not None or known is None or known.dismissed is not None else [change]
    if active is None or active.id != change.id:
        return []
    state: State = "resolved" if last.what == "resolved" else active.state
    if last.what == "joined" and active.history[-1].what == "joined":  # a group that grows has one line for it
        active = msgspec.structs.replace(active, history=active.history[:-1])
    now = moved(active, state, last.at, who=RULES, note=last.note, what=last.what)
    said = {"children": change.children, "evidence": change.evidence, "summary": change.summary}
    return [msgspec.structs.replace(now, **said)]


def _again(parent: Incident, parents: Iterable[Incident]) -> Incident:
    """The parent, or the one that the rules resolved not long ago, reopened: what comes back soon is the same."""
    same = (one for one in parents if one.subject == parent.subject and one.cause == parent.cause and not one.active)
    last = max(same, key=lambda one: one.opened, default=None)
    if last is None or last.resolved is None or last.dismissed is not None:
        return parent
    if parent.opened - last.resolved > SETTLED[parent.cause]:
        return parent
    what: What = "flapping" if last.reopened + 1 >= FLAPS else "reopened"
    now = moved(last, "open", parent.opened, who=RULES, what=what)
    said = {"children": parent.children, "evidence": parent.evidence, "summary": parent.summary}
    return msgspec.structs.replace(now, severity=parent.severity, **said)


def _is_new(site: str, since: datetime, parents: Iterable[Incident], oldest: datetime) -> bool:
    """Whether a site's trouble may be grouped: it is not old, and no person has said that a group of it is over."""
    ended = (parent.dismissed for parent in parents if site in parent.children)
    return since >= oldest and all(at is None or since > at for at in ended)


def _best(rest: Sequence[Standing], rule: Rule, busy: set[str]) -> Group | None:
    """The group that explains best what fails, if any does."""
    all_failing = sum(one.since is not None for one in rest)
    if all_failing < rule.sites:
        return None
    fits: list[tuple[float, Group]] = []
    for by in rule.levels:
        for group, members in _by_group(rest, by).items():
            fit = _fit(members, all_failing, rule)
            if fit is not None and group.key not in busy:
                fits.append((fit, group))
    top = max((fit for fit, _ in fits), default=0.0)
    return next((group for fit, group in fits if fit >= top - rule.alike), None)


def _by_group(standings: Iterable[Standing], by: By) -> dict[Group, list[Standing]]:
    found: dict[Group, list[Standing]] = {}
    for one in standings:
        group = one.group(by)
        if group is not None:
            found.setdefault(group, []).append(one)
    return found


def _fit(members: Sequence[Standing], all_failing: int, rule: Rule) -> float | None:
    """How well a group explains what fails, 0 to 1; None: it does not."""
    failing = [one for one in members if one.since is not None]
    if len(failing) < max(rule.sites, len(members) * rule.share) or not any(one.decided for one in failing):
        return None
    recall, precision = len(failing) / all_failing, len(failing) / len(members)
    return 2 * recall * precision / (recall + precision)


def _parent(cause: Cause, group: Group, members: Sequence[Standing], failing: Sequence[Standing]) -> Incident:
    since = [one.since for one in failing if one.since is not None]
    about = {
        name: value
        for name in ("province", "commune", "provider")
        for value in {getattr(one, name) for one in failing}
        if value and len({getattr(one, name) for one in failing}) == 1
    }
    finding = finding_of(cause, group, k=len(failing), n=len(members), since=min(since))
    parent = begun(Subject(None, {"name": group.name, **about}, group), cause, max(since), finding)
    return msgspec.structs.replace(parent, children=sorted(one.site for one in failing))
