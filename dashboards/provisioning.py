"""The files that Grafana reads when it starts: datasource, dashboards' folders, alert rules, and where alerts go. Pure.

Secrets and addresses come from the environment of Grafana's process and stand in no file.
"""

from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from dashboards import alerts, contacts
from dashboards.catalogue import DATASOURCE
from dashboards.yaml import dumped

Json = dict[str, Any]

PATH: Final = "/etc/grafana/dashboards/linkgauge"
"""Where the folders `vi` and `en` of the dashboards are copied to."""
FOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "vi": ("linkgauge", "linkgauge"),
    "en": ("linkgauge-en", "linkgauge (English)"),
}
"""Language → uid and title of its dashboards' folder."""
_MADE: Final = "Made by `python -m dashboards`; change the code, not this file.\n"


def files() -> dict[str, str]:
    """Path below `dashboards/generated/` → text."""
    found = {
        "provisioning/datasources/linkgauge.yaml": dumped(_datasources(), _DATASOURCE_HEAD),
        "provisioning/dashboards/linkgauge.yaml": dumped(_providers(), _MADE),
        "provisioning/alerting/linkgauge.yaml": dumped(_rules(), _MADE),
    }
    for way, variable in contacts.ENVIRONMENT.items():
        head = f"{_MADE}Copy to provisioning/alerting/ and set {variable}. It replaces the whole policy tree.\n"
        found[f"provisioning/contacts/{way}.yaml"] = dumped(_contact(way, variable), head)
    return found


_DATASOURCE_HEAD: Final = f"""{_MADE}
Environment of Grafana's process:
  LINKGAUGE_INFLUXDB_URL           http://127.0.0.1:8086
  LINKGAUGE_INFLUXDB_DATABASE      the database (1.x, 3.x) or the bucket's v1 database (2.x)
  LINKGAUGE_INFLUXDB_USER          1.x with users; else leave it out
  LINKGAUGE_INFLUXDB_PASSWORD      1.x with users; else leave it out
  LINKGAUGE_INFLUXDB_HEADER        2.x and 3.x: Authorization
  LINKGAUGE_INFLUXDB_HEADER_VALUE  2.x: Token THE-TOKEN   3.x: Bearer THE-TOKEN
"""


def datasource(url: str, database: str, user: str, header: str) -> Json:
    """The datasource without its secrets, as file and API take it: InfluxQL, which 1.x, 2.x and 3.x all speak.

    `database` stands twice: Grafana 9 reads the first, from 10 on the second. The name is the uid: the choice of a
    datasource holds names in Grafana 9 and uids later, and one that it does not find becomes the first of the kind.
    """
    json_data = {"version": "InfluxQL", "dbName": database, "httpMode": "POST", "timeInterval": "1m"}
    return {
        "uid": DATASOURCE,
        "name": DATASOURCE,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "database": database,
        "user": user,
        "isDefault": False,
        "jsonData": {**json_data, **({"httpHeaderName1": header} if header else {})},
    }


def _datasources() -> Json:
    secrets = {
        "password": "${LINKGAUGE_INFLUXDB_PASSWORD}",
        "httpHeaderValue1": "${LINKGAUGE_INFLUXDB_HEADER_VALUE}",
    }
    source = datasource(
        "${LINKGAUGE_INFLUXDB_URL}",
        "${LINKGAUGE_INFLUXDB_DATABASE}",
        "${LINKGAUGE_INFLUXDB_USER}",
        "${LINKGAUGE_INFLUXDB_HEADER}",
    )
    return {"apiVersion": 1, "datasources": [{"orgId": 1, **source, "secureJsonData": secrets, "editable": False}]}


def _providers() -> Json:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": uid,
                "orgId": 1,
                "folder": title,
                "folderUid": uid,
                "type": "file",
                "disableDeletion": False,
                "updateIntervalSeconds": 60,
                "allowUiUpdates": False,
                "options": {"path": f"{PATH}/{language}"},
            }
            for language, (uid, title) in FOLDERS.items()
        ],
    }


def _rules() -> Json:
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": name,
                "folder": alerts.FOLDER_TITLE,
                "interval": alerts.duration(alerts.INTERVAL_S),
                "rules": [alerts.rule_json(rule) for rule in rules],
            }
            for name, rules in groupby(alerts.RULES, key=attrgetter("group"))
        ],
    }


def _contact(way: str, variable: str) -> Json:
    point = {"orgId": 1, "name": contacts.NAME, "receivers": [contacts.receiver(way, f"${{{variable}}}")]}
    tree = {
        "orgId": 1,
        "receiver": contacts.NAME,
        "group_by": list(contacts.GROUP_BY),
        **contacts.TIMES,
        "routes": [contacts.route()],
    }
    return {"apiVersion": 1, "contactPoints": [point], "policies": [tree]}
