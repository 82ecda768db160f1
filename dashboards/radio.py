"""*Radio coverage*: what mobile modems receive, where, and of whom. Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.maps import Layer, places
from dashboards.panels import (
    AMBER,
    GREEN,
    RED,
    Panel,
    Target,
    bars,
    by_value,
    gauge,
    histogram,
    override,
    plain,
    series,
    stat,
    table,
)
from dashboards.queries import INCIDENTS, PLACE, middle, of, raw, select, tags, where
from dashboards.variables import chain
from dashboards.words import Language, Say, speaker

WEAK: Final = -110
FAIR: Final = -100
_HERE: Final = where(PLACE, '"conclusive" = true', "$timeFilter")
_LEVELS: Final = by_value((None, RED), (WEAK, AMBER), (FAIR, GREEN))


def radio(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "radio",
        say("linkgauge: Sóng di động", "linkgauge: Radio coverage"),
        say(
            "Mức thu của các modem di động: ở đâu yếu, mạng nào, 4G và 5G riêng. Phủ sóng theo thôn xem trên"
            " trang linkgauge.",
            "What mobile modems receive: where it is weak, of which network, 4G and 5G apart. Coverage by village is on"
            " linkgauge's page.",
        ),
        chain(say),
        INCIDENTS,
        "now-7d",
    )
    rows = [
        Row(say("Trong kỳ", "In the range"), _now(say)),
        Row(say("Ở đâu", "Where"), [_map(language), _weakest(language)]),
        Row(say("Theo thời gian", "Over time"), _over_time(say)),
        Row(say("Phân bố", "Spread"), [_technologies(say), _spread(say)]),
    ]
    return dashboard(head, language, rows)


def _now(say: Say) -> Sequence[Panel]:
    def one(what: str) -> Target:
        return Target(select(f'{what} AS "value"', raw("radio"), _HERE))

    every = say("Mọi lần đọc modem trong kỳ.", "All readings in the range.")
    reached = select('count("rsrp_dbm") AS "n"', raw("radio"), where(_HERE, f'"rsrp_dbm" >= {WEAK}'))
    return [
        gauge(
            say("RSRP 4G, trung vị", "RSRP 4G, median"),
            say(
                "≥ -100 dBm tốt, từ -110 dBm dùng được, thấp hơn là yếu.",
                "≥ -100 dBm is good, from -110 usable, less is weak.",
            ),
            one('median("rsrp_dbm")'),
            size=(5, 4),
            unit="dBm",
            min=-130,
            max=-70,
            decimals=0,
            **_LEVELS,
        ),
        gauge(
            "SS-RSRP 5G",
            every,
            one('median("nr_rsrp_dbm")'),
            size=(5, 4),
            unit="dBm",
            min=-130,
            max=-70,
            decimals=0,
            **_LEVELS,
        ),
        stat(
            say("Lần đọc đủ mạnh (≥ -110 dBm)", "Readings strong enough (≥ -110 dBm)"),
            every,
            Target(reached),
            size=(5, 4),
            decimals=0,
            noValue="0",
            **plain(GREEN),
        ),
        stat(
            say("Lần đọc có mức thu", "Readings with a level"),
            every,
            one('count("rsrp_dbm")'),
            size=(5, 4),
            decimals=0,
            noValue="0",
            **plain("text"),
        ),
        stat(
            "SINR 4G",
            every,
            one('median("sinr_db")'),
            size=(4, 4),
            unit="dB",
            decimals=1,
            **by_value((None, RED), (0, AMBER), (10, GREEN)),
        ),
    ]


def _map(language: Language) -> Panel:
    say = speaker(language)
    fields = '"latitude", "longitude", "operator", "technology", "band"'
    newest = select(f'last("rsrp_dbm") AS "rsrp_dbm", {fields}', raw("radio"), _HERE, by=tags("site"))
    weak = select(f'"rsrp_dbm", {fields}', of(newest), f'"rsrp_dbm" < {FAIR}', by=tags("site"))
    layers = [
        Layer("all", Target(newest), "circle", GREEN, size=6, field="rsrp_dbm"),
        Layer(say("▲ dưới -100 dBm", "▲ below -100 dBm"), Target(weak), "triangle", RED, size=8),
    ]
    return places(
        say("Mức thu mới nhất", "Newest levels"),
        say(
            "Lần đọc 4G mới nhất của mỗi điểm, tại vị trí modem; màu theo RSRP, ▲ là dưới -100 dBm.",
            "Each site's newest 4G reading, where the modem was; colour by RSRP, ▲ is below -100 dBm.",
        ),
        layers,
        size=(12, 14),
        defaults={"unit": "dBm", "mappings": [], **_LEVELS},
        overrides=[override("site", links=links.site(language))],
    )


def _weakest(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        'median("rsrp_dbm") AS "rsrp", min("rsrp_dbm") AS "least", median("rsrq_db") AS "rsrq",'
        ' median("sinr_db") AS "sinr", median("nr_rsrp_dbm") AS "nr", count("rsrp_dbm") AS "n"',
        raw("radio"),
        _HERE,
        by=tags("site", "commune", "provider"),
    )
    columns = {
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã", "Commune"),
        "provider": say("Nhà cung cấp", "Provider"),
        "rsrp": "RSRP 4G",
        "least": say("Thấp nhất", "Least"),
        "rsrq": "RSRQ",
        "sinr": "SINR",
        "nr": "SS-RSRP 5G",
        "n": "n",
    }
    return table(
        say("Điểm thu yếu nhất", "Weakest sites"),
        say(
            "Trung vị các lần đọc trong kỳ, n là số lần; yếu trước.",
            "Median of the readings in the range, n of them; weakest first.",
        ),
        Target(query),
        size=(12, 14),
        columns=columns,
        sort=(columns["rsrp"], False),
        overrides=[
            *(override(name, unit="dBm", decimals=0) for name in ("least", "nr")),
            override("rsrp", unit="dBm", decimals=0, custom__cellOptions={"type": "color-text"}, **_LEVELS),
            *(override(name, unit="dB", decimals=1) for name in ("rsrq", "sinr")),
            override("site", links=links.site(language)),
        ],
    )


def _over_time(say: Say) -> Sequence[Panel]:
    about = say("Trung vị mọi lần đọc trong mỗi bước.", "Median of all readings in each step.")
    return [
        series(
            say("RSRP 4G theo nhà cung cấp", "RSRP 4G by provider"),
            about,
            [Target(middle("rsrp_dbm", "radio", by='"provider"', name="value"), "$tag_provider")],
            unit="dBm",
            least=-140,
            max=-40,
            step="6h",
        ),
        series(
            say("SS-RSRP 5G theo nhà cung cấp", "SS-RSRP 5G by provider"),
            about,
            [Target(middle("nr_rsrp_dbm", "radio", by='"provider"', name="value"), "$tag_provider")],
            unit="dBm",
            least=-140,
            max=-40,
            step="6h",
        ),
    ]


def _technologies(say: Say) -> Panel:
    newest = select('last("rsrp_dbm") AS "rsrp_dbm"', raw("radio"), _HERE, by=tags("site", "provider"))
    query = select('count("rsrp_dbm") AS "n"', of(newest), '"rsrp_dbm" < 0', by=tags("provider"))
    return bars(
        say("Điểm có modem theo nhà cung cấp", "Sites with a modem, by provider"),
        say("Số điểm có lần đọc trong kỳ.", "Sites with a reading in the range."),
        Target(query),
        across="provider",
        decimals=0,
        called={"n": say("số điểm", "sites")},
    )


def _spread(say: Say) -> Panel:
    each = select('median("rsrp_dbm") AS "rsrp"', raw("radio"), _HERE, by=tags("site"))
    return histogram(
        say("Phân bố RSRP 4G", "Spread of RSRP, 4G"),
        say("Số điểm theo trung vị RSRP trong kỳ.", "Sites by their median RSRP in the range."),
        Target(select('"rsrp"', of(each), '"rsrp" < 0')),
        unit="dBm",
        bucket=5,
    )
