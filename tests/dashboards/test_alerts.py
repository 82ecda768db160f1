"""What the alert rules do with series as they are: a real InfluxDB, asked and reduced as Grafana asks and reduces."""

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from collector.judge.judge import judge
from collector.judge.sample import Evidence
from collector.judge.verdict import Verdict
from collector.judging.standings import Standings
from collector.plans.binding import binding_for
from collector.plans.load import load_plans
from collector.registry.site import Site
from collector.store.points import (
    census_point,
    completeness_point,
    line_of,
    standing_point,
    verdict_point,
)
from collector.store.store import Point
from collector.verdicts import Present
from dashboards.alerts import RULES, Rule, queries, rule_json
from tests.collector.influxd import Influxd, running_influxd
from tests.dashboards.macros import View, expand

NOW: Final = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
SCHOOL: Final = Site("th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre")
STANDS: Final = {"met": 0.0, "below": 0.0, "inconclusive": 0.0, "silent": 0.0, "contract_below": 0.0}
Labels = tuple[tuple[str, str], ...]
_TERM: Final = re.compile(r"(\$\w+|[\d.]+)(?: \* ([\d.]+))? ([<>]) (\$\w+|[\d.]+)")


@dataclass
class Grafana:
    """As much of Grafana as evaluates our rules, on a database that starts empty."""

    server: Influxd
    database: str

    def write(self, *points: Point) -> None:
        body = b"\n".join(line_of(point) for point in points)
        request = urllib.request.Request(f"{self.server.url}/write?db={self.database}", data=body)  # noqa: S310 - our own server, http
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server, http
            assert answer.status == 204

    def state(self, uid: str) -> dict[str, str] | str:
        """Site (or province) → `Alerting` or `Normal`; what no data makes of the rule, if there are none."""
        rule = next(one for one in RULES if one.uid == uid)
        reduced = {f"{query.ref}R": self._reduced(rule, query.ref) for query in rule.queries}
        needed = re.findall(r"\$(\w+)", rule.when)
        if any(not reduced[name] for name in needed):
            return rule.no_data
        return {
            next((value for name, value in labels if name in ("site", "province")), ""): state
            for labels, state in evaluated(rule.when, {name: reduced[name] for name in needed}).items()
        }

    def _reduced(self, rule: Rule, ref: str) -> dict[Labels, float]:
        query = next(one for one in rule.queries if one.ref == ref)
        view = View(NOW - timedelta(seconds=query.back_s), NOW)
        (result,) = json.loads(self.server.query(expand(query.influxql, view), self.database))["results"]
        assert "error" not in result, result
        series = result.get("series", [])
        return {tuple(sorted(one.get("tags", {}).items(), reverse=True)): one["values"][-1][1] for one in series}


def evaluated(when: str, values: Mapping[str, Mapping[Labels, float]]) -> dict[Labels, str]:
    """A math expression over series with the same labels; where one has none, there is no result."""
    shared = set.intersection(*(set(one) for one in values.values()))
    found: dict[Labels, str] = {}
    for labels in shared:
        own = {f"${name}": one[labels] for name, one in values.items()}
        terms = [term(part, own) for part in when.split(" && ")]
        found[labels] = "Alerting" if all(terms) else "Normal"
    return found


def term(text: str, own: Mapping[str, float]) -> bool:
    parts = _TERM.fullmatch(text)
    assert parts is not None, text
    left = own.get(parts[1]) if parts[1].startswith("$") else float(parts[1])
    right = own.get(parts[4]) if parts[4].startswith("$") else float(parts[4])
    assert left is not None
    assert right is not None
    left *= float(parts[2] or 1)
    return left > right if parts[3] == ">" else left < right


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influx")) as running:
        yield running


@pytest.fixture
def grafana(server: Influxd, request: pytest.FixtureRequest) -> Grafana:
    name = re.sub(r"\W", "_", request.node.name)
    server.query(f'CREATE DATABASE "{name}"')
    return Grafana(server, name)


def stands(site: Site, at: datetime, **fields: float) -> Point:
    return standing_point(site, STANDS | fields, at)


def judged(site: Site, outcome: str, at: datetime) -> Point:
    said: dict[str, Any] = {
        "verdict": outcome, "plan": "lang-son-2025", "indicator": "download_mbps", "scope": "fixed", "value": 29.5,
        "target": 42.0, "window": {"from": at - DAY, "to": at},
    }  # fmt: skip
    return verdict_point(said, site)


pytestmark = pytest.mark.program("influxd")


def test_a_site_below_its_target_fires_and_one_that_meets_it_does_not(grafana: Grafana) -> None:
    other = replace(SCHOOL, id="th2")
    grafana.write(judged(SCHOOL, "below", NOW - DAY), stands(SCHOOL, NOW - DAY, below=1.0))
    grafana.write(judged(other, "met", NOW - DAY), stands(other, NOW - DAY, met=1.0))
    assert grafana.state("linkgauge-below") == {"th1": "Alerting", "th2": "Normal"}
    grafana.write(stands(SCHOOL, NOW - MINUTE, met=1.0), judged(SCHOOL, "met", NOW - 2 * MINUTE))
    assert grafana.state("linkgauge-below") == {"th1": "Normal", "th2": "Normal"}


def test_a_silent_site_is_there_for_as_long_as_it_is_registered(grafana: Grafana) -> None:
    never = replace(SCHOOL, id="never-heard")
    grafana.write(
        judged(SCHOOL, "met", NOW - 60 * DAY), *(stands(SCHOOL, NOW - day * DAY, silent=1.0) for day in (0, 1))
    )
    grafana.write(stands(never, NOW - DAY, inconclusive=1.0))
    assert grafana.state("linkgauge-silent") == {"th1": "Alerting", "never-heard": "Normal"}


def test_nothing_resolves_while_nobody_judges_and_that_is_told(grafana: Grafana) -> None:
    stopped = NOW - 10 * DAY
    grafana.write(judged(SCHOOL, "below", stopped - DAY), stands(SCHOOL, stopped, below=1.0, silent=1.0))
    grafana.write(census_point("lang-son", {"sites": 1.0, "silent": 1.0}, stopped))
    assert grafana.state("linkgauge-below") == {"th1": "Alerting"}
    assert grafana.state("linkgauge-silent") == {"th1": "Alerting"}
    assert grafana.state("linkgauge-judge") == "Alerting"
    grafana.write(census_point("lang-son", {"sites": 1.0, "silent": 1.0}, NOW - 5 * MINUTE))
    assert grafana.state("linkgauge-judge") == {"": "Normal"}


def test_on_an_empty_database_the_judge_is_missed(grafana: Grafana) -> None:
    states = {rule.uid: grafana.state(rule.uid) for rule in RULES}
    assert states.pop("linkgauge-judge") == "Alerting"
    assert set(states.values()) == {"NoData", "OK"}


def test_a_fresh_installation_raises_nothing(grafana: Grafana) -> None:
    judge = Standings()
    grafana.write(*judge.census([], NOW - MINUTE))
    assert alarms(grafana) == {}, "no site yet"
    present = Present([judge_site_without_samples()])
    grafana.write(*judge.told(SCHOOL, present, NOW), *judge.census([(SCHOOL, present)], NOW + 5 * MINUTE))
    assert alarms(grafana) == {}, "a site without a contract that has not measured yet"


def alarms(grafana: Grafana) -> dict[str, dict[str, str] | str]:
    states = {rule.uid: grafana.state(rule.uid) for rule in RULES}
    quiet = {"OK", "Normal"}
    return {
        uid: one for uid, one in states.items() if not quiet.issuperset([one] if isinstance(one, str) else one.values())
    }


def judge_site_without_samples() -> Verdict:
    return judge(SCHOOL, binding_for(load_plans()["lang-son-2025"], SCHOOL, NOW), Evidence(), at=NOW)


def test_a_line_that_gives_less_than_was_bought_is_another_alert(grafana: Grafana) -> None:
    other = replace(SCHOOL, id="th2")
    grafana.write(stands(SCHOOL, NOW - DAY, met=1.0, contract_below=1.0), stands(other, NOW - DAY, below=1.0))
    assert grafana.state("linkgauge-contract") == {"th1": "Alerting", "th2": "Normal"}


def test_most_of_a_province_silent_at_once_is_trouble_of_the_pipe(grafana: Grafana) -> None:
    for province, silent in (("lang-son", 3.0), ("bac-giang", 1.0)):
        for at in (NOW - DAY / 2, NOW - MINUTE):
            grafana.write(census_point(province, {"sites": 4.0, "silent": silent if at > NOW - DAY / 4 else 0.0}, at))
    assert grafana.state("linkgauge-pipe-silence") == {"lang-son": "Alerting", "bac-giang": "Normal"}


def test_missing_and_waiting_reports_are_told(grafana: Grafana) -> None:
    tags = (("agent", "a1"), ("commune", "huu-lung"), ("province", "lang-son"), ("site", "th1"))
    waiting = [(tags, 900.0), ((("agent", "a2"), *tags[1:3], ("site", "th2")), 3.0)]
    for one, spooled in waiting:
        grafana.write(Point("status", one, {"spooled": spooled}, int((NOW - MINUTE).timestamp() * 1e9)))
    assert grafana.state("linkgauge-pipe-backlog") == {"th1": "Alerting", "th2": "Normal"}
    grafana.write(completeness_point(SCHOOL, {"missing": 2.0}, NOW - 2 * DAY))
    assert grafana.state("linkgauge-pipe-missing") == {"th1": "Alerting"}
    grafana.write(completeness_point(SCHOOL, {"missing": 0.0}, NOW - DAY))
    assert grafana.state("linkgauge-pipe-missing") == {"th1": "Normal"}


def test_every_rule_is_whole() -> None:
    assert len({rule.uid for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    for rule in RULES:
        made = rule_json(rule)
        refs = [one["refId"] for one in made["data"]]
        assert len(set(refs)) == len(refs)
        assert set(re.findall(r"\$(\w+)", rule.when)) <= set(refs)
        texts = [*made["annotations"].values(), *made["labels"].values(), made["title"]]
        assert not [text for text in texts if "$" in text]  # it would begin an environment variable
        shown = {name for text in texts for name in re.findall(r"\.Values\.(\w+)", text)}
        assert shown <= set(refs)
        assert made["labels"].keys() == {"product", "cause", "severity"}
        assert len(rule.uid) <= 40
    assert set(queries()) == {f"{rule.uid}/{query.ref}" for rule in RULES for query in rule.queries}
