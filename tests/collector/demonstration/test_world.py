"""The made-up world is believable, and the same for a seed; nothing here touches a disk."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest

from agent.wire.codec import Accepted, decode_reports
from agent.wire.results import RESULTS, Latency, Ledger, Radio, Throughput
from collector.demonstration.reported import figures, nation, villages
from collector.demonstration.reports import DENSE, day_of
from collector.demonstration.sites import sites
from collector.demonstration.weather import LOCAL, PEER_DOWN, SILENT_FOR
from collector.demonstration.world import World
from collector.places.catalogue import known
from collector.places.placement import placed
from collector.plans.binding import bindings_for
from collector.plans.load import load_plans

ORIGIN = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
SEED = 7
GEOSTATIONARY_MS = 477


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED, 40, 12, ORIGIN)


def test_a_seed_makes_the_same_world_and_another_one_another() -> None:
    assert sites(SEED, 60) == sites(SEED, 200)[:60]
    assert sites(SEED, 60) != sites(SEED + 1, 60)
    small = World(SEED, 12, 3, ORIGIN)
    first, second = (list(small.chunks(small.start, ORIGIN, "e")) for _ in range(2))
    assert first == second
    assert sum(len(chunk.sent) for chunk in first) > 100


def test_every_site_stands_in_a_known_commune_and_answers_to_a_plan() -> None:
    made, plans = sites(SEED, 200), load_plans()
    assert len({one.site.id for one in made}) == len({one.site.name for one in made}) == 200
    gazetteer = known()
    for one in made:
        where = placed(one.site, gazetteer, ORIGIN.date(), area=plans[one.site.plan or ""].province)
        assert where.commune is not None, one.site
        assert bindings_for(plans, one.site, ORIGIN)
    kinds = Counter(one.site.kind for one in made)
    assert min(kinds["school"], kinds["clinic"], kinds["office"]) >= 20
    assert {one.site.provider for one in made} == {"VNPT", "Viettel", "FPT", "MobiFone"}
    assert 2 <= sum(one.site.latitude is None for one in made) <= 20
    assert len({one.ipv6 for one in made}) == 3
    assert len({one.software for one in made}) >= 3


def test_evenings_are_slower_than_nights(world: World) -> None:
    rates = defaultdict[str, list[float]](list)
    for one in world.sites:
        if one.story != "ordinary":
            continue
        for back in range(1, 9):
            for sent in day_of(SEED, one, (ORIGIN - timedelta(days=back)).date(), DENSE, ()):
                result, hour = sent.measured.result, sent.measured.started.astimezone(LOCAL).hour
                if isinstance(result, Throughput) and result.download and result.download.mbps:
                    when = "evening" if 19 <= hour < 23 else "night" if hour < 6 else "day"
                    rates[when].append(result.download.mbps / (one.site.contract_down_mbps or 1))
    assert median(rates["evening"]) < 0.92 * median(rates["night"])
    assert median(rates["evening"]) < median(rates["day"]) <= median(rates["night"])


def test_what_arrives_is_valid_numbered_without_gaps_and_never_early(world: World) -> None:
    numbers = defaultdict[str, set[int]](set)
    kinds = Counter[str]()
    ids: set[str] = set()
    late = 0
    for chunk in world.chunks(world.start, ORIGIN, "00000000-epoch"):
        for agent, raw in chunk.sent:
            (found,) = decode_reports(raw)
            assert isinstance(found, Accepted), found
            report = found.report
            assert (report.agent, raw.count(b'"started":"2026')) == (agent, 1)
            assert report.started <= chunk.until
            late += chunk.until - report.started > timedelta(hours=6)
            kinds[report.kind] += 1
            ids.add(report.id)
            numbers[agent].add(report.seq)
    assert kinds.keys() == RESULTS.keys() - {"voice"}
    assert len(ids) == sum(kinds.values())
    assert late, "some lines were dead for long, and sent it afterwards"
    waiting = [top for top in (max(seqs) - len(seqs) for seqs in numbers.values()) if top]
    assert len(waiting) <= 3, "only what a dead line still holds is missing"


def test_accounts_are_of_the_days_that_completeness_counts(world: World) -> None:
    run, told = Counter[tuple[str, date, str]](), dict[tuple[str, date, str], int]()
    for chunk in world.chunks(world.start, ORIGIN, "00000000-epoch"):
        for agent, raw in chunk.sent:
            (found,) = decode_reports(raw)
            assert isinstance(found, Accepted)
            if isinstance(found.report.result, Ledger):
                day = found.report.result.day
                told |= {(agent, day, kind): one.run for kind, one in found.report.result.kinds.items()}
            else:
                run[agent, found.report.started.date(), found.report.kind] += 1
    first = world.start.date()
    assert {(agent, day) for agent, day, _ in told if day > first}
    assert [key for key, count in told.items() if key[1] > first and run[key] != count] == []


def test_what_is_measured_goes_together() -> None:
    for one in sites(SEED, 200):
        measured = [sent.measured for sent in day_of(SEED, one, ORIGIN.date(), DENSE, ())]
        families = {each.family for each in measured} - {None}
        assert families <= ({"ipv4", "ipv6"} if one.ipv6 == "dual_stack" else {"ipv4"}), one.site.id
        assert one.cellular == any(each.kind == "radio" for each in measured)
        for each in measured:
            if isinstance(each.result, Latency) and each.result.rtt_ms:
                assert (one.site.access == "satellite") == ((each.result.rtt_ms.min or 0) > GEOSTATIONARY_MS)
            if isinstance(each.result, Radio):
                assert each.link is not None
                assert each.link.cellular is not None
                assert each.link.cellular.technology == each.result.technology
                assert (each.result.latitude is None) == (each.result.position_source is None)


def test_the_valley_is_silent_since_days_and_one_peer_was_down(world: World) -> None:
    valley = [one for one in world.sites if one.story == "valley"]
    assert len(valley) == 5
    assert len({(one.site.commune, one.site.provider) for one in valley}) == 1
    before, after = ORIGIN - SILENT_FOR - timedelta(hours=1), ORIGIN - SILENT_FOR + timedelta(hours=1)
    assert sum(world.is_heard(one, before) for one in valley) >= 3
    assert not any(world.is_heard(one, at) for one in valley for at in (after, ORIGIN))
    at = ORIGIN - PEER_DOWN[0] + timedelta(hours=1)
    failed = {
        one.site.id
        for one in world.sites
        for sent in day_of(SEED, one, at.astimezone(LOCAL).date(), DENSE, world.spells[one.number])
        if at <= sent.measured.started < at + timedelta(hours=3)
        and sent.measured.failure is not None
        and str(sent.measured.failure) == "connect:timeout"
    }
    assert len(failed) >= 4


def test_what_is_reported_fits_the_plans_and_the_villages_lie_in_known_communes() -> None:
    plans = load_plans()
    found = figures(plans.values(), date(2026, 11, 22), SEED)
    assert {figure.plan for figure in found} == plans.keys()
    assert all(figure.value is not None and figure.source for figure in [*found, *nation(date(2026, 11, 22))])
    assert {figure.period.text for figure in found} >= {"2025-Q2", "2026-Q3"}
    gazetteer = known()
    assert all(village.path.rpartition("/")[0] in gazetteer for village in villages())
