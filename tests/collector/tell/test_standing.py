"""How sites stand, from present verdicts and the registry."""

from datetime import timedelta

from collector.judge.verdict import Verdict, Window
from collector.plans.types import Text
from collector.registry.site import Site, Snapshot, Version
from collector.tell.standing import standings
from tests.collector.tell.rig import NOW

SITE = Site("s1", "School 1", "school", "rural", "Lạng Sơn", "Hữu Lũng", plan="lang-son-2025")


def verdict(site: str, *, watch: float | None = None) -> Verdict:
    words, window = Text(vi="x", en="x"), Window(start=NOW - timedelta(days=30), end=NOW)
    return Verdict(
        site=site,
        plan="p",
        scope="fixed",
        verdict="met",
        window=window,
        rule="plan",
        basis=words,
        sentence=words,
        watch=watch,
    )


def test_a_site_is_watched_by_any_of_its_verdicts_and_one_that_is_gone_is_left_out() -> None:
    snapshot = Snapshot(sites={"s1": (Version(None, SITE),)})
    calm, gone = [verdict("s1")], [verdict("s2", watch=0.9)]
    (one,) = standings([calm, gone], snapshot, NOW)
    assert (one.about.name, one.about.plan, one.outcome, one.watched) == ("School 1", "lang-son-2025", "met", False)
    (one,) = standings([[*calm, verdict("s1", watch=0.6)]], snapshot, NOW)
    assert one.watched
