"""Incidents kept in step with what the detectors find: groups first, then each site, then silence.

What is recorded is read anew for every pass, because people act on it elsewhere; a transaction is opened only where
something changes, and decides again on what is recorded then.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from collector.chain.course import CAUSE_OF, Detector
from collector.detect.episode import Episode
from collector.errors import RegistryUnavailable
from collector.incidents.actions import Clues
from collector.incidents.description import Scene, about_of, described
from collector.incidents.grouping import RULES_OF, Standing, grouped, steps_of
from collector.incidents.history import History, Key, Settling
from collector.incidents.incident import Cause, Finding, Incident, Subject
from collector.incidents.reconcile import Sight, reconcile
from collector.incidents.silence import Heard, Patience, evidence_of, is_silent, silences
from collector.judging.opinion import Known
from collector.judging.sights import DETECTOR_OF, Look, scene_of, standing_of
from collector.judging.windows import slices
from collector.registry.site import Site

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BACK: Final = timedelta(days=100)
"""What was resolved longer ago is not looked at again."""
_PARENTS: Final = BACK
"""A group is known as long as detectors remember what it explains: forgotten sooner, each site would open its own."""
_REGROUP: Final = timedelta(seconds=10)
"""So often it is looked whether a group that nothing new belongs to grows or ends: it is a look at the whole fleet."""
Recorded = Mapping[Key, Sequence[Incident]]


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, from when on a report is late, and whether agents can be heard at all."""

    at: datetime
    late: timedelta
    listening: bool


@dataclass(slots=True)
class Casework:
    """For one event loop. Raises RegistryUnavailable; then nothing of that step was recorded.

    `judged`: by site and detector the newest measurement that was looked at before. After a restart that of contacts is
    the newest speed result's, which is never later: contacts that were seen already may make known what is quiet, if
    they are no older than a report that comes in time; nothing is taken for known that was not.
    """

    history: History
    judged: dict[tuple[str, Detector], datetime] = field(default_factory=dict)
    parents: dict[str, Incident] = field(default_factory=dict)
    silent: dict[Key, Incident] = field(default_factory=dict)
    _unsaved: dict[str, datetime] = field(default_factory=dict)
    _grouped: dict[Cause, datetime] = field(default_factory=dict)

    async def open(self) -> None:
        """Learn up to when measurements were looked at before a restart."""
        known = await asyncio.to_thread(self.history.judged)
        self.judged = {(site, detector): at for site, at in known.items() for detector in CAUSE_OF}

    async def save(self) -> None:
        """Keep up to when measurements were looked at, so that late data are known as late after a restart."""
        some, self._unsaved = self._unsaved, {}
        try:
            if some:
                await asyncio.to_thread(self.history.set_judged, some)
        except RegistryUnavailable:
            self._unsaved = some | self._unsaved
            raise

    async def recorded(self, sites: Collection[str] | None, now: datetime) -> Recorded:
        """What is recorded of these sites (None: all)."""
        return await asyncio.to_thread(self.history.recorded, now - BACK, sites)

    async def look_round(self, now: datetime) -> list[Incident]:
        """Do what time has brought, and learn of groups and silences as they are recorded now; what has changed."""
        changed = await asyncio.to_thread(self.history.wake, at=now)
        newest = await asyncio.to_thread(self.history.newest)
        self.parents = {
            one.id: one
            for one in newest.values()
            if one.group is not None and (one.active or (one.resolved or one.updated) >= now - _PARENTS)
        }
        self.silent = {key: one for key, one in newest.items() if one.cause == "silent" and one.group is None}
        return changed

    async def settle(self, steps: Mapping[Key, Settling], now: datetime) -> list[Incident]:
        """Record; groups are kept in mind."""
        if not steps:
            return []
        changed = await asyncio.to_thread(self.history.settle, steps, at=now)
        self.parents |= {one.id: one for one in changed if one.group is not None}
        self.silent |= {(one.subject, one.cause): one for one in changed if one.cause == "silent" and one.group is None}
        return changed

    async def sites(
        self, looks: Sequence[Look], everyone: Callable[[], Iterable[Look]], recorded: Recorded, moment: Moment
    ) -> list[Incident]:
        """Bring the incidents of these sites in step with their detectors; what has changed, in order."""
        changed: list[Incident] = []
        for cause in CAUSE_OF.values():
            explained = {site for one in self._active(cause) for site in one.children}
            opening = {look.name for look in looks if self._is_opening(look, cause, recorded)} - explained
            if opening or (self._active(cause) and abs(moment.at - self._grouped.get(cause, _EPOCH)) >= _REGROUP):
                found = [
                    standing_of(one, cause, at=moment.at, decided=one.name in opening)
                    async for one in slices(everyone())
                ]
                changed += await self.group(cause, found, moment)
                self._grouped[cause] = moment.at
        steps: dict[Key, Settling] = {}
        by_name = {look.name: look for look in looks}
        async for name in slices(by_name):
            steps |= self._steps(by_name[name], recorded, moment)
        changed += await self.settle(steps, moment.at)
        for look in looks:
            self._remember(look)
        return changed

    async def group(self, cause: Cause, standings: Sequence[Standing], moment: Moment) -> list[Incident]:
        """Open, let grow and end the parents of a cause."""
        parents = [parent for parent in self.parents.values() if parent.cause == cause]
        failing = sum(one.since is not None for one in standings)
        if failing < RULES_OF[cause].sites and not parents:
            return []
        found = await asyncio.to_thread(
            grouped, cause, standings, parents, at=moment.at, listening=moment.listening
        )  # of ten thousand sites too long for a loop's turn
        return await self.settle(steps_of(found.changes), moment.at)

    async def silences(
        self, heard: Mapping[str, list[Heard]], known: Mapping[str, Known], patience: Patience, moment: Moment
    ) -> tuple[set[str], list[Incident]]:
        """Which sites are silent now, and what has changed of their incidents."""
        now = {
            site
            async for site, agents in slices(heard.items())
            if site in known and (is_silent(agents, patience, moment.at) or self._is_still_unheard(site, agents))
        }
        untold = now - {site for (site, _), one in self.silent.items() if one.active}
        standings = [
            _silent_standing(known[site].site, agents, silent=site in now, decided=site in untold, at=moment.at)
            async for site, agents in slices(heard.items())
            if site in known
        ]
        changed: list[Incident] = []
        if any(one.decided for one in standings) or self._active("silent"):
            changed += await self.group("silent", standings, moment)
        steps: dict[Key, Settling] = {}
        async for site, agents in slices(heard.items()):
            if site in known:
                step = partial(self._silence, known[site].site, agents, patience, moment)
                last = self.silent.get((site, "silent"))
                if step([last] if last else []):
                    steps[site, "silent"] = step
        changed += await self.settle(steps, moment.at)
        return now | {site for (site, _), one in self.silent.items() if one.active}, changed

    def _is_still_unheard(self, site: str, agents: Sequence[Heard]) -> bool:
        """Whether a group stands for a site's silence and nothing was heard since: also while we listen only shortly.

        A site with an incident of its own has it until it is heard; without this a restart would end a group.
        """
        opened = [parent.opened for parent in self._active("silent") if site in parent.children]
        return any(all(one.seen is None or one.seen <= at for one in agents) for at in opened)

    def _active(self, cause: Cause) -> list[Incident]:
        return [parent for parent in self.parents.values() if parent.active and parent.cause == cause]

    def _is_opening(self, look: Look, cause: Cause, recorded: Recorded) -> bool:
        """Whether a site's detector has found what no incident records yet."""
        if look.fold(DETECTOR_OF[cause]).state.episode is None:
            return False
        return not any(one.active for one in recorded.get((look.name, cause), ()))

    def _steps(self, look: Look, recorded: Recorded, moment: Moment) -> dict[Key, Settling]:
        steps: dict[Key, Settling] = {}
        for detector, cause in CAUSE_OF.items():
            episodes, known = look.fold(detector).episodes, recorded.get((look.name, cause), ())
            if not episodes and not known:
                continue
            step = partial(_reconciled, look, cause, self._sight(look, detector, moment))
            if step(known):
                steps[look.name, cause] = step
        return steps

    def _sight(self, look: Look, detector: Detector, moment: Moment) -> Sight:
        cause = CAUSE_OF[detector]
        return Sight(
            Subject(look.name, about_of(look.known.site)),
            cause,
            moment.at,
            newest=look.newest(detector),
            covers=look.covers(detector),
            judged=self.judged.get((look.name, detector)),
            late=moment.late,
            parents=self._parents_of(look.name, cause),
        )

    def _parents_of(self, site: str, cause: Cause) -> list[Incident]:
        return [parent for parent in self.parents.values() if parent.cause == cause and site in parent.children]

    def _remember(self, look: Look) -> None:
        for detector in CAUSE_OF:
            newest, key = look.newest(detector), (look.name, detector)
            if newest is not None and (key not in self.judged or newest > self.judged[key]):
                self.judged[key] = newest
                if detector != "outage":
                    self._unsaved[look.name] = newest

    def _silence(
        self, site: Site, agents: Sequence[Heard], patience: Patience, moment: Moment, recorded: Sequence[Incident]
    ) -> Sequence[Incident]:
        episodes = silences(recorded, agents, patience, moment.at)
        if not episodes:
            return []
        sight = Sight(
            Subject(site.id, about_of(site)),
            "silent",
            moment.at,
            newest=moment.at,
            late=moment.late,
            parents=self._parents_of(site.id, "silent"),
        )
        facts = evidence_of(agents, patience, moment.at)
        words = facts["why"].values()
        clues = Clues("silent", silent="reports" if "reports" in words else "status", medium=_medium(site))
        scene = Scene(name=site.name, facts=facts, clues=clues)
        return reconcile(recorded, episodes, sight, lambda episode: described("silent", episode, scene))


def _reconciled(look: Look, cause: Cause, sight: Sight, recorded: Sequence[Incident]) -> Sequence[Incident]:
    def describe(episode: Episode) -> Finding:
        return described(cause, episode, scene_of(look, cause, episode))

    return reconcile(recorded, look.fold(DETECTOR_OF[cause]).episodes, sight, describe)


def _silent_standing(site: Site, agents: Sequence[Heard], *, silent: bool, decided: bool, at: datetime) -> Standing:
    return Standing(
        site.id,
        measured=True,
        since=min(max(heard.since for heard in agents), at) if silent else None,
        decided=decided,
        provider=site.provider,
        commune=site.commune,
        province=site.province,
    )


def _medium(site: Site) -> str | None:
    return "cellular" if (site.access or "").startswith("cellular") else None
