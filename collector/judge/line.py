"""From when a site stands on the line that it has now. Pure."""

from collections.abc import Sequence
from datetime import datetime

from collector.registry.site import Site, Version


def line_since(versions: Sequence[Version[Site]], at: datetime) -> datetime | None:
    """When the line that a site had at a moment began; None: it had no other before.

    Another technology, another provider or another contracted rate is another line. A fact that was not known before
    and is entered now is no change of the line, and neither are a name, a place or a plan. A line that comes back
    after another one is new.
    """
    began: datetime | None = None
    held: tuple[Version[Site], ...] = tuple(one for one in versions if one.since is None or one.since <= at)
    known: tuple[object, ...] = (None,) * 4
    for version in held:
        facts = _facts(version.value)
        if any(was is not None and now is not None and was != now for was, now in zip(known, facts, strict=True)):
            began = version.since
        known = tuple(was if now is None else now for was, now in zip(known, facts, strict=True))
    return began


def _facts(site: Site) -> tuple[object, ...]:
    return (site.access, site.provider, site.contract_down_mbps, site.contract_up_mbps)
