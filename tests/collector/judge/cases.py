"""Sites, targets and samples that tests judge."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from collector.judge.sample import Evidence, Sample
from collector.plans.binding import Binding
from collector.plans.types import Binds, Target, Text
from collector.registry.site import Site

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SITE = Site("s", "Trường", "school", "rural", "p", "c", access="fibre", plan="p-2025", contract_down_mbps=200.0)
WHY = Text(vi="vì thế", en="for that")


def target(value: float = 100.0, *, since: date = date(2025, 1, 1)) -> Target:
    return Target(
        id="fixed-2025",
        indicator="download_mbps",
        how="measured",
        network="fixed",
        value=value,
        unit="Mbps",
        valid_from=since,
        section="II",
        quote="…",
        binds=Binds(rule="plan"),
        reason=WHY,
    )


def bound(mark: float | None = 100.0, *, rule: str = "plan", since: date = date(2025, 1, 1)) -> Binding:
    """A plan's download target, judged by a rule."""
    promise = None if mark is None else target(mark, since=since)
    return Binding("plan", "download_mbps", "fixed", rule, mark, "Mbps", promise, WHY, SITE.plan)


def bought(rate: float | None = 100.0, *, rule: str = "qcvn34", indicator: str = "download_mbps") -> Binding:
    """A contracted rate."""
    return Binding("contract", indicator, "fixed", rule, rate, "Mbps", None, WHY)


def state(rule: str = "share95") -> Binding:
    """IPv6 that works or does not."""
    return Binding("plan", "ipv6", "fixed", rule, 1.0, "share", None, WHY, SITE.plan)


def samples(values: Iterable[float], *, newest: datetime = NOW, every: timedelta = DAY / 4) -> list[Sample]:
    """Values as they came, the last of them at `newest`."""
    found = list(values)
    return [Sample(newest - every * (len(found) - 1 - place), value) for place, value in enumerate(found)]


def evidence(values: Iterable[float], *, newest: datetime = NOW, every: timedelta = DAY / 4) -> Evidence:
    """The same, with nothing beside them."""
    return Evidence(samples(values, newest=newest, every=every))
