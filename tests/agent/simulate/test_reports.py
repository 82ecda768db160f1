"""A seed decides the fleet; its reports are of the kinds, shares and sizes that real ones have."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from agent.simulate.plan import agent_id
from agent.simulate.reports import chance_for, measurement
from agent.simulate.results import MAKERS
from agent.simulate.site import CHARACTERS, LOCAL, site_of
from agent.wire.codec import Accepted, decode_reports, encode
from agent.wire.report import Measurement, Report
from agent.wire.results import Throughput

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
EPOCH = "01936f0e-0000-0000-0000-000000000000"


def made(agent: int, number: int, *, seed: int = 7, at: datetime = AT, kind: str = "") -> Measurement[Any]:
    mix = {kind: 1.0} if kind else {}
    return measurement(site_of(seed, agent), agent_id(agent), chance_for(seed, agent, number), at=at, mix=mix)


def report(one: Measurement[Any]) -> bytes:
    return encode(Report(**{name: getattr(one, name) for name in one.__struct_fields__}, epoch=EPOCH, seq=1))


def test_a_report_is_the_same_for_a_seed_but_not_for_another() -> None:
    assert [made(3, number) for number in range(40)] == [made(3, number) for number in range(40)]
    assert made(3, 1) != made(3, 2)
    assert msgspec.structs.replace(made(3, 1), id="") != msgspec.structs.replace(made(3, 1, seed=8), id="")
    assert len({made(agent, number).id for agent in range(20) for number in range(20)}) == 400


def test_what_is_not_time_does_not_depend_on_time() -> None:
    later = made(3, 5, at=AT + timedelta(days=9))
    assert msgspec.structs.replace(later, id="", started=AT) == msgspec.structs.replace(made(3, 5), id="")


def test_every_kind_can_be_read_by_a_collector() -> None:
    for kind in MAKERS:
        for agent in range(60):
            raw = report(made(agent, 1, kind=kind))
            (read,) = decode_reports(raw)
            assert isinstance(read, Accepted), (kind, read)
            assert read.report.kind == kind


def test_kinds_come_as_often_as_their_schedules_run_them() -> None:
    kinds = Counter(made(agent, number).kind for agent in range(100) for number in range(100))
    assert set(kinds) == set(MAKERS)
    assert kinds["latency"] > kinds["dns"] > kinds["web"] > kinds["throughput"] > 0


def test_throughput_is_as_big_as_a_real_one() -> None:
    sizes = [len(report(one)) for number in range(200) if (one := made(number, 1, kind="throughput")).result]
    assert 800 < sum(sizes) / len(sizes) < 920


def test_sites_differ_and_fail_as_often_as_their_character_says() -> None:
    sites = [site_of(7, number) for number in range(400)]
    assert set(CHARACTERS) == {site.character for site in sites}
    share = {}
    for character in CHARACTERS:
        runs = [
            made(site.number, number, kind="latency")
            for site in sites
            if site.character == character
            for number in range(40)
        ]
        share[character] = sum(run.failure is not None for run in runs) / len(runs)
        assert all((run.failure is None) != (run.result is None) for run in runs)
    assert share["good"] < 0.02 < share["failing"]


def test_a_diurnal_site_is_slow_in_the_evening() -> None:
    site = next(site for number in range(400) if (site := site_of(7, number)).character == "diurnal")
    rates = []
    for hour in (10, 20):
        at = datetime(2026, 11, 22, hour, tzinfo=LOCAL)
        results = [made(site.number, number, at=at, kind="throughput").result for number in range(30)]
        rates.append(sum(one.download.mbps or 0 for one in results if isinstance(one, Throughput) and one.download))
    assert rates[1] < rates[0] / 2
