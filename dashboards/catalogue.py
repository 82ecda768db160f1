"""Every dashboard by its uid, in both editions. Pure."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from dashboards.board import Json
from dashboards.fleet import fleet
from dashboards.ipv6 import ipv6
from dashboards.latency import latency
from dashboards.province import province
from dashboards.radio import radio
from dashboards.site import site
from dashboards.variables import DATASOURCE
from dashboards.words import LANGUAGES, Language, uid

_BUILDERS: Final[Mapping[str, Callable[[Language], Json]]] = {
    "province": province,
    "site": site,
    "ipv6": ipv6,
    "latency": latency,
    "radio": radio,
    "fleet": fleet,
}
DASHBOARDS: Final[Mapping[str, Callable[[], Json]]] = {
    uid(name, language): partial(build, language) for language in LANGUAGES for name, build in _BUILDERS.items()
}
"""Uid → what makes the dashboard's JSON, as Grafana imports it."""
__all__ = ["DASHBOARDS", "DATASOURCE", "files", "text"]


def files() -> dict[str, str]:
    """The dashboards' files: path below `dashboards/generated/` → text. A folder for each language, as in Grafana."""
    return {
        f"{language}/{name}.json": text(DASHBOARDS[uid(name, language)]())
        for language in LANGUAGES
        for name in _BUILDERS
    }


def text(board: Json) -> str:
    """A dashboard as the text of its file."""
    return json.dumps(board, ensure_ascii=False, indent=1) + "\n"
