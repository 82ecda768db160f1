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
from dashboards.queries import INCIDENTS, PLACE, RECENTLY, of, raw, rolled, select, tags, typical, where
from dashboards.variables import chain, level
from dashboards.words import Language, Say, speaker

WEAK: Final = -110
FAIR: Final = -100
_HERE: Final = where(PLACE, "$timeFilter")
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
        [*chain(say), level(say)],
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
        return Target(select(f'{what} AS "value"', rolled("radio"), _HERE))

    middle = say(
        "Trung vị của các trung vị từng giờ (hoặc ngày) của mỗi điểm.",
        "Median of each site's medians by hours or days.",
    )
    each = select('median("rsrp_dbm_median") AS "rsrp"', rolled("radio"), _HERE, by=tags("site"))
    reached = select('count("rsrp") AS "n"', of(each), f'"rsrp" >= {WEAK}')
    return [
        gauge(
            say("RSRP 4G, trung vị", "RSRP 4G, median"),
            say(
                "≥ -100 dBm tốt, từ -110 dBm dùng được, thấp hơn là yếu. Trung vị của các trung vị từng giờ (hoặc ngày)"
                " của mỗi điểm.",
                "≥ -100 dBm is good, from -110 usable, less is weak. Median of each site's medians by hours or days.",
            ),
            one('median("rsrp_dbm_median")'),
            size=(5, 4),
            unit="dBm",
            min=-130,
            max=-70,
            decimals=0,
            **_LEVELS,
        ),
        gauge(
            "SS-RSRP 5G",
            middle,
            one('median("nr_rsrp_dbm_median")'),
            size=(5, 4),
            unit="dBm",
            min=-130,
            max=-70,
            decimals=0,
            **_LEVELS,
        ),
        stat(
            say("Điểm thu đủ mạnh (≥ -110 dBm)", "Sites strong enough (≥ -110 dBm)"),
            say(
                "Số điểm có mức thu 4G điển hình trong kỳ (trung vị của các trung vị từng giờ hoặc ngày) từ -110 dBm.",
                "Sites whose usual 4G level in the range (the median of their medians by hours or days) is -110 dBm or"
                " more.",
            ),
            Target(reached),
            size=(5, 4),
            decimals=0,
            noValue="0",
            **plain(GREEN),
        ),
        stat(
            say("Lần đọc có mức thu", "Readings with a level"),
            say("Mọi lần đọc 4G hợp lệ của modem trong kỳ.", "All conclusive 4G readings in the range."),
            one('sum("rsrp_dbm_n")'),
            size=(5, 4),
            decimals=0,
            noValue="0",
            **plain("text"),
        ),
        stat(
            "SINR 4G",
            middle,
            one('median("sinr_db_median")'),
            size=(4, 4),
            unit="dB",
            decimals=1,
            **by_value((None, RED), (0, AMBER), (10, GREEN)),
        ),
    ]


def _map(language: Language) -> Panel:
    say = speaker(language)
    fields = '"latitude", "longitude", "operator", "technology", "band"'
    lately = where(PLACE, '"conclusive" = true', RECENTLY)
    newest = select(f'last("rsrp_dbm") AS "rsrp_dbm", {fields}', raw("radio"), lately, by=tags("site"))
    weak = select(f'"rsrp_dbm", {fields}', of(newest), f'"rsrp_dbm" < {FAIR}', by=tags("site"))
    layers = [
        Layer("all", Target(newest), "circle", GREEN, size=6, field="rsrp_dbm"),
        Layer(say("▲ dưới -100 dBm", "▲ below -100 dBm"), Target(weak), "triangle", RED, size=8),
    ]
    return places(
        say("Mức thu mới nhất", "Newest levels"),
        say(
            "Lần đọc 4G hợp lệ mới nhất của mỗi điểm trong 2 ngày cuối kỳ (kể cả lần khảo sát), tại vị trí modem; màu"
            " theo RSRP, ▲ là dưới -100 dBm.",
            "Each site's newest conclusive 4G reading in the range's last two days (surveys too), where the modem was;"
            " colour by RSRP, ▲ is below -100 dBm.",
        ),
        layers,
        size=(12, 14),
        defaults={"unit": "dBm", "mappings": [], **_LEVELS},
        overrides=[override("site", links=links.site(language))],
    )


def _weakest(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        'median("rsrp_dbm_median") AS "rsrp", min("rsrp_dbm_min") AS "least", median("rsrq_db_median") AS "rsrq",'
        ' median("sinr_db_median") AS "sinr", median("nr_rsrp_dbm_median") AS "nr", sum("rsrp_dbm_n") AS "n"',
        rolled("radio"),
        _HERE,
        by=tags("site", "commune", "provider"),
    )
    columns = {
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã, phường", "Commune"),
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
            "Trung vị của các trung vị từng giờ (hoặc ngày) và mức thấp nhất của n lần đọc trong kỳ; yếu trước.",
            "The median of the medians by hours (or days) and the least of the n readings in the range; weakest first.",
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
    about = say(
        "Trung vị của các trung vị từng giờ (hoặc ngày) của mỗi điểm, trong mỗi bước.",
        "In each step the median of the sites' medians by hours (or days).",
    )
    return [
        series(
            say("RSRP 4G theo nhà cung cấp", "RSRP 4G by provider"),
            about,
            [Target(typical("rsrp_dbm", "radio", by='"provider"'), "$tag_provider")],
            unit="dBm",
            least=-140,
            max=-40,
            step="6h",
        ),
        series(
            say("SS-RSRP 5G theo nhà cung cấp", "SS-RSRP 5G by provider"),
            about,
            [Target(typical("nr_rsrp_dbm", "radio", by='"provider"'), "$tag_provider")],
            unit="dBm",
            least=-140,
            max=-40,
            step="6h",
        ),
    ]


def _technologies(say: Say) -> Panel:
    each = select('min("rsrp_dbm_min") AS "rsrp"', rolled("radio"), _HERE, by=tags("site", "provider"))
    query = select('count("rsrp") AS "n"', of(each), '"rsrp" < 0', by=tags("provider"))
    return bars(
        say("Điểm có modem theo nhà cung cấp", "Sites with a modem, by provider"),
        say("Số điểm có lần đọc 4G trong kỳ.", "Sites with a 4G reading in the range."),
        Target(query),
        across="provider",
        decimals=0,
        called={"n": say("số điểm", "sites")},
    )


def _spread(say: Say) -> Panel:
    each = select('median("rsrp_dbm_median") AS "rsrp"', rolled("radio"), _HERE, by=tags("site"))
    return histogram(
        say("Phân bố RSRP 4G", "Spread of RSRP, 4G"),
        say(
            "Số điểm theo trung vị của các trung vị RSRP từng giờ (hoặc ngày).",
            "Sites by the median of their median RSRPs by hours (or days).",
        ),
        Target(select('"rsrp"', of(each), '"rsrp" < 0')),
        unit="dBm",
        bucket=5,
    )
