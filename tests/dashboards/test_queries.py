"""Every query of every dashboard and alert rule, against a real InfluxDB that the product's own points fill."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dashboards.alerts import RULES, queries
from dashboards.catalogue import DASHBOARDS
from tests.collector.influxd import running_influxd
from tests.dashboards.asking import Answer, Question, ask, questions, view_of
from tests.dashboards.macros import View, expand
from tests.dashboards.seeded import MOBILE, Seeded, fill

pytestmark = pytest.mark.program("influxd")
WITHIN_S = 1.0
EMPTY_COLUMNS = {"group"}  # most incidents are of one site


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with running_influxd(tmp_path_factory.mktemp("influx")) as server:
        yield fill(server)


def answered(seeded: Seeded, statement: str) -> Answer:
    """The answer, asked again where it was slow: other tests run beside this one."""
    answer = ask(seeded.server, statement)
    for _ in range(3):
        if answer.seconds > WITHIN_S:
            answer = ask(seeded.server, statement)
    return answer


def used_fields(question: Question) -> set[str]:
    """The columns that a panel needs to be there: those it names, sorts, draws or links by."""
    panel = question.panel
    if panel is None:
        return set()
    named = {panel["options"].get("xField"), panel["options"].get("reduceOptions", {}).get("fields", "").strip("/^$")}
    for layer in panel["options"].get("layers", ()):
        named |= {
            layer["location"]["latitude"],
            layer["location"]["longitude"],
            layer["config"]["style"]["color"].get("field"),
        }
    if panel["type"] in {"table", "barchart"}:
        for change in panel.get("transformations", ()):
            named |= set(change["options"]["renameByName"])
        named |= {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
    return {name for name in named if name} - {"Time"}


def wrong_with(question: Question, answer: Answer) -> list[str]:
    """What a panel would show as nothing."""
    if not answer.rows:
        return [f"{question.where}: no rows: {question.statement}"]
    used = used_fields(question)
    wrong = [f"{question.where}: no field {name}" for name in used - answer.columns.keys()]
    empty = {name for name in used & answer.columns.keys() if all(value is None for value in answer.columns[name])}
    wrong += [f"{question.where}: field {name} is empty" for name in empty - EMPTY_COLUMNS]
    values = [value for name, column in answer.columns.items() if name != "time" for value in column]
    if all(value is None for value in values):
        wrong.append(f"{question.where}: nothing but nulls: {question.statement}")
    if answer.seconds > WITHIN_S:
        wrong.append(f"{question.where}: took {answer.seconds:.2f} s")
    return wrong


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_every_query_of_a_dashboard_gives_what_its_panel_shows(seeded: Seeded, uid: str) -> None:
    board = DASHBOARDS[uid]()
    given = {"site": seeded.sites[MOBILE].id} if "site" in uid else {}
    view = view_of(seeded.server, board, seeded.start, seeded.end, **given)
    wrong = [
        one for question in questions(board, view) for one in wrong_with(question, answered(seeded, question.statement))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(queries()))
def test_every_query_of_an_alert_rule_gives_numbers(seeded: Seeded, name: str) -> None:
    """The server expands these, which knows no variables: a rule that has one would never fire."""
    (query,) = [one for rule in RULES for one in rule.queries if f"{rule.uid}/{one.ref}" == name]
    assert query.influxql == queries()[name]
    view = View(seeded.end - timedelta(seconds=query.back_s), seeded.end)
    statement = expand(query.influxql, view)
    assert "$" not in statement
    answer = answered(seeded, statement)
    assert answer.rows
    assert answer.seconds <= WITHIN_S
    (value,) = answer.columns.keys() - {"time", "site", "province", "commune", "agent"}
    assert all(isinstance(one, int | float) for one in answer.columns[value])


def test_choosing_narrows_what_can_be_chosen_next(seeded: Seeded) -> None:
    board = DASHBOARDS["linkgauge-province"]()
    everything = view_of(seeded.server, board, seeded.start, seeded.end)
    narrowed = view_of(seeded.server, board, seeded.start, seeded.end, plan=["bac-giang-2025"], commune=["luc-nam"])
    assert set(narrowed.options["commune"]) < set(everything.options["commune"])
    here = {site.id for site in seeded.sites if site.plan == "bac-giang-2025" and site.commune == "luc-nam"}
    assert set(narrowed.options["sites"]) == here
    assert here < set(everything.options["sites"]) == {site.id for site in seeded.sites}


def test_the_numbers_of_the_first_row_add_up(seeded: Seeded) -> None:
    board = DASHBOARDS["linkgauge-province-en"]()
    view = view_of(seeded.server, board, seeded.start, seeded.end)
    found = {
        one.panel["title"]: ask(seeded.server, one.statement).columns
        for one in questions(board, view)
        if one.panel is not None and one.panel["type"] in {"stat", "gauge"}
    }
    met, below, unknown = (found[title]["n"][0] for title in ("● Met", "▲ Below", "■ Inconclusive"))
    assert met + below + unknown == found["Sites"]["n"][0] == len(seeded.sites)
    assert found["✕ Silent"]["n"][0] == len(seeded.sites) // 8


def test_the_share_is_of_all_sites_with_a_target_as_on_the_page(seeded: Seeded) -> None:
    """Silent and inconclusive sites count as not shown: knowing little makes no share better."""
    board = DASHBOARDS["linkgauge-province-en"]()
    view = view_of(seeded.server, board, seeded.start, seeded.end)
    columns = ", ".join(f'last("{name}") AS "{name}"' for name in ("met", "below", "silent", "target"))
    since = f"{(seeded.end - timedelta(days=2)).timestamp():.0f}s"
    said = ask(seeded.server, f'SELECT {columns} FROM "standing" WHERE time > {since} GROUP BY "site"').columns  # noqa: S608 - our own words
    rows = zip(said["met"], said["below"], said["silent"], said["target"], strict=True)
    bound = [(met, below, silent) for met, below, silent, target in rows if target]
    shown = sum(met == 1 and not silent for met, _, silent in bound)
    assert shown < sum(met + below for met, below, _ in bound) < len(bound), "of some with a target little is known"
    share = {one.panel["title"]: one.statement for one in questions(board, view) if one.panel is not None}
    assert ask(seeded.server, share["Share that met"]).columns["share"] == [pytest.approx(shown / len(bound))]
    days = ask(seeded.server, share["Share of sites that met"]).columns["share"]
    assert [day for day in days if day is not None][-1] == pytest.approx(shown / len(bound))


def test_incidents_are_annotated_those_of_many_communes_too(seeded: Seeded) -> None:
    board = DASHBOARDS["linkgauge-province"]()
    view = view_of(seeded.server, board, seeded.start, seeded.end, commune=["luc-nam"])
    (question,) = [one for one in questions(board, view) if one.panel is None]
    found = ask(seeded.server, question.statement).columns
    here = {site.id for site in seeded.sites if site.commune == "luc-nam"}
    assert {site for site in found["site"] if site} == here
    assert None in found["site"]  # a provider's, of the whole province
    assert set(found["state"]) == {"open", "resolved"}
    assert all(found["summary_vi"])
