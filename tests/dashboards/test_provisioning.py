"""The provisioning files: what a YAML reader sees in them, and that no secret or address stands in one."""

import re
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without types

from dashboards import alerts, contacts, provisioning
from dashboards.catalogue import DATASOURCE
from dashboards.yaml import dumped

Json = dict[str, Any]
FILES = {name: yaml.safe_load(text) for name, text in provisioning.files().items()}


def one(name: str) -> Json:
    found: Json = FILES[f"provisioning/{name}.yaml"]
    return found


def test_every_file_is_of_version_1_and_of_one_organization() -> None:
    for content in FILES.values():
        assert content["apiVersion"] == 1
        (items,) = [content[key] for key in ("datasources", "providers", "groups", "contactPoints") if key in content]
        assert {item["orgId"] for item in items} == {1}


def test_the_datasource_has_a_fixed_uid_and_all_else_from_the_environment() -> None:
    (source,) = one("datasources/linkgauge")["datasources"]
    assert (source["uid"], source["type"], source["jsonData"]["version"]) == (DATASOURCE, "influxdb", "InfluxQL")
    assert source["editable"] is False
    variable = re.compile(r"\$\{LINKGAUGE_INFLUXDB_\w+\}")
    outside = [source["url"], source["database"], source["user"], *source["secureJsonData"].values()]
    outside += [source["jsonData"]["dbName"], source["jsonData"]["httpHeaderName1"]]
    assert all(variable.fullmatch(text) for text in outside)
    assert source["database"] == source["jsonData"]["dbName"]  # Grafana 9 reads the one, later ones the other


def test_dashboards_come_from_one_folder_a_language_and_cannot_be_saved_in_the_page() -> None:
    providers = one("dashboards/linkgauge")["providers"]
    assert [provider["allowUiUpdates"] for provider in providers] == [False, False]
    assert {provider["options"]["path"] for provider in providers} == {
        f"{provisioning.PATH}/vi",
        f"{provisioning.PATH}/en",
    }
    titles = [provider["folder"] for provider in providers]
    assert len({*titles, alerts.FOLDER_TITLE}) == 3  # a second maker of a folder of the same title fails in Grafana 10


def test_rules_are_what_the_code_says() -> None:
    groups = one("alerting/linkgauge")["groups"]
    read = [rule for group in groups for rule in group["rules"]]
    assert read == [alerts.rule_json(rule) for rule in alerts.RULES]
    assert {group["interval"] for group in groups} == {"5m"}


def test_each_way_to_tell_is_a_file_that_is_copied_on_purpose() -> None:
    for way, variable in contacts.ENVIRONMENT.items():
        content = one(f"contacts/{way}")
        (point,) = content["contactPoints"]
        (receiver,) = point["receivers"]
        assert receiver["uid"] == f"linkgauge-{way}"
        assert f"${{{variable}}}" in receiver["settings"].values()
        (tree,) = content["policies"]
        assert tree["receiver"] == tree["routes"][0]["receiver"] == point["name"]
        assert tree["routes"][0]["group_by"] == ["province", "cause"]
    assert not [name for name in FILES if name.startswith("provisioning/alerting/") and "linkgauge" not in name]


def test_yaml_says_the_same_to_every_reader() -> None:
    odd: Json = {
        "on": "off", "no": None, "1": 1, "a b": "c: d # e", "vi": "Chưa đạt \"42\" \\ 'x'\n— y", "list": [],
        "deep": [[["x"]], {"a": {}, "b": [1, 2.5, True]}], "empty": "",
    }  # fmt: skip
    assert yaml.safe_load(dumped(odd, "first\n\nsecond")) == odd
