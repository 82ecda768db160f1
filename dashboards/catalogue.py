"""Every dashboard by its uid, in both editions. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Json = dict[str, Any]

DASHBOARDS: Final[Mapping[str, Callable[[], Json]]] = {}
"""Uid → what makes the dashboard's JSON, as Grafana imports it."""
DATASOURCE: Final = "linkgauge-influxdb"
"""Uid of the InfluxDB that holds the series, as it is provisioned."""


def files() -> dict[str, str]:
    """The dashboards' files: path below `dashboards/generated/` → text."""
    return {}
