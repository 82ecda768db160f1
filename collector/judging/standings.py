"""Where each site stands now, as numbers at intervals: what alert rules outside need, which see series and no registry.

A verdict's point stands at its newest sample, and is written only when it says something new: a site that fell silent
writes none, and one that was never heard has none. To a rule that looks at the last days such a site would vanish,
and what vanishes counts as resolved. So the judge, which knows every registered site, says of each where it stands:
at once when that changes, else once a day (`standing`); and every five minutes how many stand where, by province
(`census`): where that ends, nobody judges. Where no site is registered, that is said too, or it would look so. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from collector.registry.site import Site
from collector.store.points import census_point, nobody_point, standing_point
from collector.store.store import Point
from collector.verdicts import Present

EVERY: Final = timedelta(days=1)
CENSUS_EVERY: Final = timedelta(minutes=5)
_JUST: Final = timedelta(milliseconds=1)
_ALARMS: Final = ("silent", "contract_below")
Fields = Mapping[str, float]


class Standings:
    """What was last said of each site, for one event loop. After a restart everything is said once more."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Site, Fields, datetime]] = {}
        self._counted: datetime | None = None

    def told(self, site: Site, present: Present, now: datetime, former: Iterable[Site] = ()) -> list[Point]:
        """The points to write of one site now; usually none.

        Where its tags have changed, the series of before ends in zeros: it would go on saying what was true once. After
        a restart `former`, the site as it was before, says which those are. They end just before the new one begins, as
        whoever asks for a site's newest point asks all its series.
        """
        fields = fields_of(present)
        before = self._told.get(site.id)
        if before is not None:
            old, last, at = before
            if old == site and last == fields and abs(now - at) < EVERY:
                return []
            former = [old]
        self._told[site.id] = (site, fields, now)
        here = standing_point(site, {**fields, **figures_of(present)}, now)
        nothing = dict.fromkeys(fields, 0.0)
        ended = {one.tags: one for one in (standing_point(old, nothing, now - _JUST) for old in former)}
        return [here, *(point for tags, point in ended.items() if tags != here.tags)]

    def census(self, sites: Iterable[tuple[Site, Present]], now: datetime) -> list[Point]:
        """How many sites stand where, by province, when it is time for that again."""
        if self._counted is not None and abs(now - self._counted) < CENSUS_EVERY:
            return []
        self._counted = now
        counts: defaultdict[str | None, dict[str, float]] = defaultdict(
            lambda: dict.fromkeys(("sites", "met", "below", "inconclusive", "silent"), 0.0)
        )
        for site, present in sites:
            found, fields = counts[site.province], fields_of(present)
            found["sites"] += 1
            for name in ("met", "below", "inconclusive", "silent"):
                found[name] += fields[name]
        if not counts:
            return [census_point(None, counts[None], now), nobody_point(dict.fromkeys(_ALARMS, 0.0), now)]
        return [census_point(province, found, now) for province, found in counts.items()]


def fields_of(present: Present) -> dict[str, float]:
    """Where a site stands: 1 or 0 for each of `met`, `below`, `inconclusive` and, beside these, `silent`.

    `contract_below`: 1 if its line gives less than was bought, 0 if not or if that is not asked (any more).
    """
    first = present.verdicts[0]
    fields = {name: float(first.verdict == name) for name in ("met", "below", "inconclusive")}
    fields["silent"] = float("silent" in first.reasons)
    bought = any(one.question == "contract" and one.verdict == "below" for one in present.verdicts)
    fields["contract_below"] = float(bought)
    return fields


def figures_of(present: Present) -> dict[str, float]:
    """What a site has (bounds, number of samples) and what it should have, as far as known; never a reason to write."""
    first = present.verdicts[0]
    found = {"value": first.value, "low": first.low, "high": first.high, "n": float(first.n), "target": first.target}
    return {name: value for name, value in found.items() if value is not None}
