"""Ways from one dashboard to another and to linkgauge's own page. Pure.

Addresses within Grafana begin with a slash: Grafana puts the path it is served under before them.
"""

from typing import Final

from dashboards.panels import Json, link
from dashboards.words import Language, speaker, uid

_SAME: Final = "${__url_time_range}&${datasource:queryparam}&${page:queryparam}"


def site(language: Language, field: str = "site") -> list[Json]:
    """From a row that names a site, to what is known of it."""
    say = speaker(language)
    one = "${__data.fields." + field + "}"
    return [
        link(say("Bảng điểm đo", "The site's dashboard"), f"/d/{uid('site', language)}?var-site={one}&{_SAME}"),
        link(say("Mở trang linkgauge", "Open on linkgauge's page"), "${page:raw}/sites/" + one, elsewhere=True),
    ]


def board(name: str, language: Language, title: str, *, filters: str = "") -> Json:
    """To another dashboard; `filters`: variables to set there, as a query string."""
    return link(title, f"/d/{uid(name, language)}?{filters}{'&' if filters else ''}{_SAME}")


def commune(language: Language) -> list[Json]:
    """From a row that names a commune, to the province's dashboard with that commune chosen."""
    say = speaker(language)
    others = "&".join(f"${{{name}:queryparam}}" for name in ("plan", "province", "kind", "provider"))
    chosen = "var-commune=${__data.fields.commune}&" + others
    return [board("province", language, say("Chỉ xem xã, phường này", "This commune only"), filters=chosen)]


def report(language: Language) -> list[Json]:
    """From a row that has a report's id, to its exact bytes."""
    say = speaker(language)
    url = "${page:raw}/api/v1/reports/${__data.fields.id}"
    return [link(say("Báo cáo gốc", "The report as it was sent"), url, elsewhere=True)]
