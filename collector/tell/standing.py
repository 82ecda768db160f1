"""How sites stand now, as a digest tells it: from present verdicts and the registry. Pure."""

from collections.abc import Iterable
from datetime import datetime

from collector.judge.verdict import Verdict
from collector.registry.site import Snapshot
from collector.tell.digest import Standing
from collector.tell.news import About


def standings(present: Iterable[list[Verdict]], snapshot: Snapshot, at: datetime) -> list[Standing]:
    """Each site that the registry knows now, by its verdicts, the one on its plan's download speed first."""
    found = []
    for verdicts in present:
        site = snapshot.site_at(verdicts[0].site, at)
        if site is not None:
            about = About(
                name=site.name,
                kind=site.kind,
                area=site.area,
                province=site.province,
                commune=site.commune,
                provider=site.provider,
                plan=site.plan,
            )
            watched = any(verdict.watch is not None for verdict in verdicts)
            found.append(Standing(about, verdicts[0].verdict, watched))
    return found
