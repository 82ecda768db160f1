"""The chain of one site, as it stands in the stores: every number of it can be worked out again."""

import json
import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.detect import shortfall
from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.plans.types import Text
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.points import nanoseconds
from collector.store.sqlite import SqliteStore
from collector.store.store import FieldValue, Point
from tests.collector.tables import with_tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = "2026-11-22T12:00Z"
HOUR = timedelta(hours=1)
SCHOOL = Site(
    "ls-th1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", provider="VNPT",
    contract_down_mbps=100.0, plan="lang-son-2025",
)  # fmt: skip
SPEEDS = [140.0 + place % 7 for place in range(60)] + [60.0 + place % 5 for place in range(16)]
Run = Callable[..., str]


def point(at: datetime, mbps: float | None, **said: FieldValue) -> Point:
    fine = mbps is not None and not said
    fields: dict[str, FieldValue] = {"conclusive": fine, "upload_conclusive": fine, **said}
    if mbps is not None:
        fields |= {"download_mbps": mbps, "upload_mbps": mbps / 2}
    return Point("throughput", (("agent", "a1"), ("peer", "p1"), ("site", SCHOOL.id)), fields, nanoseconds(at))


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A school that was fast and became slow, without any service: a store, a registry and a configuration."""
    registry = Registry(with_tables(tmp_path))
    registry.open()
    registry.import_sites([SCHOOL], now=NOW - 90 * 24 * HOUR)
    registry.close()
    store = SqliteStore(tmp_path / "series.db")
    await store.open()
    first = NOW - 6 * HOUR * (len(SPEEDS) - 1)
    points = [point(first + 6 * HOUR * place, mbps) for place, mbps in enumerate(SPEEDS)]
    points += [point(NOW - HOUR, None, failure="connect:timeout"), point(NOW - 2 * HOUR, 9.0, doubts="wifi_bound")]
    lost = [Point("latency", (("agent", "a1"), ("peer", "p1"), ("site", SCHOOL.id)), {"failure": "connect:timeout"},
                  nanoseconds(NOW - timedelta(minutes=5 * ago))) for ago in range(2)]  # fmt: skip
    await store.write(points + lost)
    await store.close()
    file = tmp_path / "collector.toml"
    file.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/series.db"\n[registry]\nurl = "sqlite:///{tmp_path}/registry.db"\n'
    )
    return file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        assert main(["explain", *arguments, "--config", str(config)]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


def test_the_whole_chain_fits_a_terminal_and_names_every_sample(run: Run) -> None:
    said = run("ls-th1", "--at", AT)
    assert max(map(len, said.splitlines())) <= 100
    assert sum(line.endswith("counts") for line in said.splitlines()) == 76 * 2
    assert "failed   connect:timeout" in said
    assert "doubted  wifi_bound" in said
    assert "QUESTION plan: download_mbps fixed" in said
    assert "QUESTION contract: download_mbps contract-fixed" in said
    assert "DETECTOR plan (incidents: below_target)" in said
    assert "  opens" in said
    assert "the measurements make an incident that is not recorded" in said, "no judge has run"
    assert "outage         none, and the data make none" in said


def test_every_number_can_be_worked_out_again(run: Run) -> None:
    found = json.loads(run("ls-th1", "--at", AT, "--json"))
    plan, contract = found["judgements"]
    values = sorted(one["value"] for one in plan["runs"] if one["fate"] == "counts")
    assert values == plan["ordered"] == sorted(SPEEDS)
    verdict = plan["verdict"]
    assert verdict["value"] == statistics.median(values)
    low, high = plan["low_rank"], plan["high_rank"]
    assert (verdict["low"], verdict["high"]) == (values[low - 1], values[high - 1])
    n = len(values)
    tail = [2 * sum(math.comb(n, i) for i in range(rank)) / 2**n for rank in (low, low + 1)]
    assert tail[0] <= 0.05 < tail[1]
    assert verdict["k"] == sum(value >= verdict["mark"] for value in values) == 60
    assert (verdict["failed"], verdict["doubted"]) == (1, {"wifi_bound": 1})
    assert contract["verdict"]["value"] == pytest.approx(statistics.fmean(values))
    assert contract["deviation"] == pytest.approx(statistics.stdev(values))
    half = 1.992 * contract["deviation"] / math.sqrt(n)  # Student's t at 75 degrees of freedom; the other may be wider
    mean, low, high = (contract["verdict"][name] for name in ("value", "low", "high"))
    assert (low <= mean - half * 0.999, high >= mean + half * 0.999) == (True, True)
    assert (low, high) == (pytest.approx(mean - half, abs=half / 3), pytest.approx(mean + half, abs=half / 3))


def test_every_step_can_be_worked_out_again(run: Run) -> None:
    found = json.loads(run("ls-th1", "--at", AT, "--json"))
    steps = next(one["steps"] for one in found["courses"] if one["detector"] == "plan")
    before, is_open = 0.0, False
    for step in steps:
        assert step["score"] == pytest.approx(math.log(step["value"] / step["mark"]))
        sign = 1 if is_open else -1
        says = min(max(sign * step["score"], -shortfall.STRONG), shortfall.WEAK)
        assert step["added"] == pytest.approx(says - shortfall.REF)
        assert step["evidence"] == pytest.approx(max(before + step["added"], 0.0))
        decides = step["evidence"] >= step["needs"]
        assert (step["opens"], step["closes"]) == (decides and not is_open, decides and is_open)
        assert step["watch"] == pytest.approx(1.0 if is_open or decides else step["evidence"] / step["needs"])
        is_open = is_open != decides
        before = 0.0 if decides else step["evidence"]
    assert is_open


def test_one_question_another_plan_and_an_earlier_moment(run: Run) -> None:
    contract = json.loads(run("ls-th1", "--at", AT, "--question", "contract", "--json"))
    assert [one["bound"]["question"] for one in contract["judgements"]] == ["contract"]
    other = json.loads(run("ls-th1", "--at", AT, "--plan", "bac-giang-2025", "--json"))
    assert (other["judgements"][0]["bound"]["mark"], other["replays"]) == (120.0, [])
    before = json.loads(run("ls-th1", "--at", (NOW - 97 * HOUR).isoformat(), "--json"))
    assert before["judgements"][0]["verdict"]["verdict"] == "met"
    assert max(before["judgements"][0]["ordered"]) == 146.0
    assert [one["episodes"] for one in before["courses"]] == [[], [], [], []]


def test_what_does_not_exist_is_told_with_the_nearest_that_does(run: Run) -> None:
    assert "there is no site 'ls-th2'; the nearest is 'ls-th1'" in run("ls-th2", code=2)
    assert "the nearest is 'lang-son-2025'" in run("ls-th1", "--plan", "langson", code=2)
    assert "see linkgauge-collector site list" in run("zzzz", code=2)
    assert "is not a time" in run("ls-th1", "--at", "yesterday", code=2)
    assert run("ls-th1", "--at", "2026-11-22 12:00", "--json")


def test_a_site_that_nothing_is_known_of_is_explained_too(config: Path, run: Run) -> None:
    registry = Registry(f"sqlite:///{config.parent}/registry.db")
    registry.open()
    registry.import_sites([replace(SCHOOL, id="new", plan=None, contract_down_mbps=None)], now=NOW)
    registry.close()
    said = run("new", "--at", AT)
    assert "no target" in said
    assert "0 in the window" in said
    assert "episode       none" in said


def test_what_another_plan_of_the_province_asks_is_explained_from_that_plan(config: Path, run: Run) -> None:
    registry = Registry(f"sqlite:///{config.parent}/registry.db")
    registry.open()
    office = replace(SCHOOL, id="bg-so", kind="office", province="bac-giang", plan="bac-giang-2025")
    registry.import_sites([office], now=NOW - 90 * 24 * HOUR)
    registry.close()
    said = run("bg-so", "--at", AT)
    assert "QUESTION plan: ipv6 fixed" in said
    assert "source        plan bac-giang-ict-2030, target ipv6-2025" in said
    asked = [
        (one["bound"]["indicator"], one["bound"]["plan"])
        for one in json.loads(run("bg-so", "--at", AT, "--json"))["judgements"]
    ]
    assert asked == [("download_mbps", "bac-giang-2025"), ("ipv6", "bac-giang-ict-2030"), ("download_mbps", None)]


def test_what_the_judge_took_is_shown_after_a_persons_word_too(config: Path, run: Run) -> None:
    """A person resolved what had opened: the detector begins at 0 there, and the same data give the same incidents."""
    found = json.loads(run("ls-th1", "--at", AT, "--json"))
    (episode,) = next(one["episodes"] for one in found["courses"] if one["detector"] == "plan")
    opened, since = (datetime.fromisoformat(episode[name]) for name in ("opened", "since"))
    registry = Registry(f"sqlite:///{config.parent}/registry.db")
    registry.open()
    history = History(registry.database)
    incident = begun(
        Subject("ls-th1"), "below_target", opened, Finding("warning", Text(vi="vi", en="en"), {"since": since})
    )
    history.settle({("ls-th1", "below_target"): lambda _: [incident]}, at=opened)
    history.act(incident.id, "resolve", who="Lan", at=opened + HOUR)
    registry.close()
    said = run("ls-th1", "--at", AT)
    assert f"anew          from {opened + HOUR:%Y-%m-%d %H:%M:%S} UTC on: a person resolved" in said
    plan = next(one for one in json.loads(run("ls-th1", "--at", AT, "--json"))["courses"] if one["detector"] == "plan")
    assert len(plan["episodes"]) == 2
    again = next(step for step in plan["steps"] if datetime.fromisoformat(step["at"]) > opened + HOUR)
    assert again["evidence"] == pytest.approx(again["added"]), "it begins at 0"
    assert "below_target   1 as the data make them, and apart:" in said, "the second has been recorded by nobody"


def test_a_decision_reads_the_same_as_ever(run: Run) -> None:
    lines = run("ls-th1", "--at", AT, "--question", "plan").splitlines()
    (deciding,) = [line for line in lines if line.endswith("opens")]
    before = lines[lines.index(deciding) - 1].split()
    _, _, _, value, mark, score, added, evidence, needs, watch, _ = deciding.split()
    assert (mark, watch) == ("102.00", "1.00")
    assert float(score) == pytest.approx(math.log(float(value) / 102), abs=0.001)
    assert float(evidence) == pytest.approx(float(before[7]) + float(added), abs=0.0011)
    assert float(evidence) >= float(needs) > float(before[7])
    said = "\n".join(lines)
    assert "  k of n        60 of 76 are at or above 102 Mbps" in said
    assert "  needed " not in said
