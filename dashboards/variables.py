"""The variables at the head of a dashboard, chained: what one can choose depends on what was chosen before. Pure."""

from typing import Any, Final

from dashboards.queries import PLAN
from dashboards.words import Say

Json = dict[str, Any]

DATASOURCE: Final = "linkgauge-influxdb"
"""Uid of the InfluxDB that holds the series, as it is provisioned; its name too, so that every Grafana finds it."""
SOURCE: Final[Json] = {"type": "influxdb", "uid": "${datasource}"}
PAGE: Final = "http://127.0.0.1:8600"
ANY: Final = ".*"
"""Everything, also what has no value: as a regular expression between ^ and $."""
_PROVINCE: Final = PLAN + ' AND "province" =~ /^${province:regex}$/'
_PLACED: Final = _PROVINCE + ' AND "commune" =~ /^${commune:regex}$/'
_KIND: Final = _PLACED + ' AND "site_kind" =~ /^${kind:regex}$/'
_PROVIDER: Final = _KIND + ' AND "provider" =~ /^${provider:regex}$/'


def chain(say: Say, *, one_site: bool = False) -> list[Json]:
    """Plan, commune, kind, provider, sites; with `one_site` exactly one site is chosen, and is called `site`.

    Two names, because links from one dashboard to another carry variables along: all sites are none to the one.

    All provinces and communes are told one by one: reports have no plan, so a plan is kept to by its communes, and
    communes of two provinces may have the same name.
    """
    everything = say("Tất cả", "All")
    return [
        source(say),
        _query("plan", say("Kế hoạch", "Plan"), _values("plan", ""), everything, every=ANY),
        _query("province", say("Tỉnh", "Province"), _values("province", PLAN), everything),
        _query("commune", say("Xã, phường", "Commune"), _values("commune", _PROVINCE), everything),
        _query("kind", say("Loại điểm", "Kind of site"), _values("site_kind", _PLACED), everything, every=ANY),
        _query("provider", say("Nhà cung cấp", "Provider"), _values("provider", _KIND), everything, every=ANY),
        _one_site(say) if one_site else _query(
            "sites", say("Điểm đo", "Sites"), _values("site", _PROVIDER), everything, every=ANY
        ),
        page(say),
        raw_policy(say),
    ]  # fmt: skip


def level(say: Say) -> Json:
    """From which roll-ups a fleet's numbers are taken: hours for days and weeks, days for months."""
    names = (("hour", say("từng giờ", "hours")), ("day", say("từng ngày", "days")))
    options = [{"selected": value == "hour", "text": text, "value": value} for value, text in names]
    return {
        "type": "custom",
        "name": "level",
        "label": say("Gộp theo", "Rolled up by"),
        "query": ", ".join(f"{text} : {value}" for value, text in names),
        "includeAll": False,
        "multi": False,
        "current": options[0],
        "options": options,
        "hide": 0,
        "skipUrlSync": False,
    }


def source(say: Say) -> Json:
    """Which InfluxDB."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": say("Nguồn dữ liệu", "Data source"),
        "query": "influxdb",
        "regex": "",
        "refresh": 1,
        "includeAll": False,
        "multi": False,
        "current": {"selected": True, "text": DATASOURCE, "value": DATASOURCE},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def page(say: Say) -> Json:
    """Where linkgauge's own page is, as the reader's browser reaches it; links to a site's page begin with it."""
    current = {"selected": True, "text": PAGE, "value": PAGE}
    return {
        "type": "textbox",
        "name": "page",
        "label": say("Trang linkgauge", "linkgauge's page"),
        "query": PAGE,
        "current": current,
        "options": [current],
        "hide": 0,
        "skipUrlSync": False,
    }


def raw_policy(say: Say) -> Json:
    """The retention policy of single reports with its dot, as `"raw".`; empty: they lie with everything else."""
    current = {"selected": True, "text": "", "value": ""}
    return {
        "type": "constant",
        "name": "raw",
        "label": say("Nơi giữ dữ liệu thô", "Where raw reports are kept"),
        "description": say('Để trống, hoặc "TÊN". của retention policy', 'Empty, or "NAME". of a retention policy'),
        "query": "",
        "current": current,
        "options": [current],
        "hide": 2,
        "skipUrlSync": True,
    }


def _values(tag: str, condition: str) -> str:
    """Every registered site has a standing, whether it is heard or not; so places are asked of these."""
    return f'SHOW TAG VALUES FROM "standing" WITH KEY = "{tag}"' + (f" WHERE {condition}" if condition else "")


def _query(name: str, label: str, query: str, everything: str, *, every: str | None = None) -> Json:
    variable = _asked(name, label, query)
    variable |= {
        "includeAll": True,
        "multi": True,
        "current": {"selected": True, "text": [everything], "value": ["$__all"]},
    }
    return variable | ({"allValue": every} if every is not None else {})


def _one_site(say: Say) -> Json:
    return _asked("site", say("Điểm đo", "Site"), _values("site", _PROVIDER)) | {
        "includeAll": False,
        "multi": False,
        "current": {},
    }


def _asked(name: str, label: str, query: str) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "definition": query,
        "query": query,
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }
