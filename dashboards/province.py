"""*Province*: is the plan kept, where is it not, and does it get better? Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.maps import Layer, places
from dashboards.panels import (
    AMBER,
    COLOURS,
    GREEN,
    GREY,
    RED,
    Panel,
    Target,
    bars,
    by_value,
    gauge,
    of_query,
    override,
    plain,
    series,
    stat,
    states,
    steps,
    table,
    target_line,
    words,
)
from dashboards.queries import (
    DAILY,
    FIXED,
    INCIDENTS,
    LAST_YEAR,
    MOBILE,
    PLACE,
    PLAN,
    RECENTLY,
    STATES,
    lasting,
    newest,
    of,
    select,
    standings,
    tags,
    where,
)
from dashboards.variables import chain
from dashboards.words import Language, Say, speaker

_STANDING: Final = lasting("standing")
_STANDS: Final = '("met" = 1 OR "below" = 1 OR "inconclusive" = 1)'
"""A standing of a site that is there: the series of a place that it has left ends in zeros."""
_AS_NUMBER: Final = '"inconclusive" + "below" * 2 + "silent" * 3'
"""A standing's state as a number: 0 met, 1 inconclusive, 2 below, from 3 on silent beside it."""
_SHOWN: Final = '"met" - "met" * "silent" AS "shown"'
"""1 where a site reaches its target and still reports, else 0: its mean over those with a target is the share met."""
_MAP: Final = '"name", "latitude", "longitude"'


def province(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "province",
        title=say("linkgauge: Toàn tỉnh", "linkgauge: Province"),
        about=say(
            "Bao nhiêu điểm đạt chỉ tiêu tải xuống của kế hoạch, ở đâu chưa đạt, xu hướng ra sao. Kết luận do linkgauge"
            " tính từ kết quả đo; Grafana chỉ hiển thị.",
            "How many sites reach their plan's download target, where they do not, and which way it goes. linkgauge"
            " judges, from samples; Grafana only shows.",
        ),
        variables=chain(say),
        incidents=INCIDENTS,
    )
    rows = [
        Row(say("Hiện nay", "Now"), _now(say)),
        Row(say("Ở đâu", "Where"), _where(language)),
        Row(say("Xu hướng", "Trend"), _trend(say)),
        Row(say("Sự cố", "Incidents"), [_open_incidents(language)]),
    ]
    return dashboard(head, language, rows)


def _now(say: Say) -> Sequence[Panel]:
    titles = {
        "met": (say("● Đạt", "● Met"), say("Điểm có kết luận mới nhất là đạt.", "Sites judged to reach their target.")),
        "below": (
            say("▲ Chưa đạt", "▲ Below"),
            say("Điểm có kết luận mới nhất là chưa đạt.", "Sites judged to miss their target."),
        ),
        "inconclusive": (
            say("■ Chưa kết luận", "■ Inconclusive"),
            say(
                "Chưa đủ mẫu, khoảng tin cậy còn chứa chỉ tiêu, hoặc không có chỉ tiêu áp dụng.",
                "Too few samples, an interval that spans the target, or no target at all.",
            ),
        ),
        "silent": (
            say("✕ Mất liên lạc", "✕ Silent"),
            say(
                "Điểm không còn gửi gì. Điểm này vẫn được đếm theo kết luận gần nhất ở các ô khác.",
                "Sites that send nothing any more. They count under their newest verdict in the other panels too.",
            ),
        ),
    }
    counts = [
        stat(
            title,
            about,
            Target(select(f'sum("{state}") AS "n"', of(standings(states=[state])), f'"{state}" >= 0')),
            decimals=0,
            noValue="0",
            **plain(COLOURS[state]),
        )
        for state, (title, about) in titles.items()
    ]
    stands = of(standings(states=["met", "silent", "target"]))
    share = select('mean("shown") AS "share"', of(select(_SHOWN, stands, '"target" > 0')), '"shown" >= 0')
    known = newest('last("met") AS "met", "below", "inconclusive"', _STANDING, where(PLAN, PLACE, RECENTLY))
    everyone = select('count("met") AS "n"', of(known), _STANDS)
    return [
        *counts,
        gauge(
            say("Tỷ lệ đạt", "Share that met"),
            say(
                "Điểm đạt trên tổng số điểm có chỉ tiêu; chưa kết luận và mất liên lạc tính là chưa chứng minh.",
                "Met, of all sites with a target; silent and inconclusive ones count as not shown.",
            ),
            Target(share),
            unit="percentunit",
            min=0,
            max=1,
            **by_value((None, RED), (0.9, AMBER), (1.0, GREEN)),
        ),
        stat(
            say("Số điểm", "Sites"),
            say("Tất cả các điểm đã đăng ký.", "All registered sites."),
            Target(everyone),
            decimals=0,
            noValue="0",
            **plain("text"),
        ),
    ]


def _where(language: Language) -> Sequence[Panel]:
    say = speaker(language)
    shown = f'last("met") AS "met", {tags(*STATES[1:])}, {_MAP}'
    columns = f'{_MAP}, {tags(*STATES)}, "commune"'
    everyone = newest(f'{shown}, "commune"', _STANDING, where(PLAN, PLACE, RECENTLY))
    there = newest(columns, of(everyone), _STANDS)

    def only(state: str) -> Target:
        return Target(newest(columns, of(everyone), f'"{state}" = 1'))

    layers = [
        Layer("all", Target(there), "circle", GREEN, size=4),
        Layer(say("▲ Chưa đạt", "▲ Below"), only("below"), "triangle", RED, size=8),
        Layer(say("■ Chưa kết luận", "■ Inconclusive"), only("inconclusive"), "square", GREY, size=6),
        Layer(say("✕ Mất liên lạc", "✕ Silent"), only("silent"), "x-mark", AMBER, size=8),
    ]
    yes = [{"type": "value", "options": {"1": {"text": say("có", "yes"), "index": 0}, "0": {"text": "-", "index": 1}}}]
    overrides = [override("site", links=links.site(language))]
    return [
        places(
            say("Bản đồ", "Map"),
            say(
                "Mỗi điểm có tọa độ: ● đạt (xanh), ▲ chưa đạt (đỏ), ■ chưa kết luận (xám), ✕ mất liên lạc (cam).",
                "Every site with coordinates: ● met (green), ▲ below (red), ■ inconclusive (grey), ✕ silent (amber).",
            ),
            layers,
            size=(12, 14),
            defaults={"mappings": yes, **by_value((None, GREEN))},
            overrides=overrides,
        ),
        _worst(language),
        _communes(language),
    ]


def _worst(language: Language) -> Panel:
    say = speaker(language)
    figures = f'"value", "target", "low", "high", "n", {tags(*STATES[1:])}, "name", "commune", "provider"'
    stands = newest(f'last("met") AS "met", {figures}', _STANDING, where(PLAN, PLACE, RECENTLY))
    columns = {
        "name": say("Tên", "Name"),
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã, phường", "Commune"),
        "provider": say("Nhà cung cấp", "Provider"),
        "verdict": say("Kết luận", "Verdict"),
        "ratio": say("So với chỉ tiêu", "Of the target"),
        "value": say("Đo được", "Measured"),
        "target": say("Chỉ tiêu", "Target"),
        "low": say("Cận dưới", "Low"),
        "high": say("Cận trên", "High"),
        "n": "n",
    }
    ratio = newest(
        f'"name", {_AS_NUMBER} AS "verdict", "value" / "target" AS "ratio", "value", "target", "low", "high", "n",'
        ' "commune", "provider"',
        of(stands),
        '"value" >= 0 AND "target" > 0',
    )
    speeds = [override(name, unit="Mbits", decimals=1) for name in ("value", "target", "low", "high")]
    share = by_value((None, RED), (1.0, GREEN))
    return table(
        say("Các điểm kém nhất", "Worst sites"),
        say(
            "Mỗi điểm ở cuối kỳ (ghi khi thay đổi, ít nhất mỗi ngày một lần): trung vị n mẫu, khoảng tin cậy 95 %, chia"
            " cho chỉ tiêu. Xếp từ thấp.",
            "How each site stands at the range's end (written when that changes, and daily): the median of n samples,"
            " its 95 % interval, by its target. Lowest first.",
        ),
        Target(ratio),
        size=(12, 14),
        columns=columns,
        sort=(columns["ratio"], False),
        overrides=[
            *speeds,
            override("ratio", unit="percentunit", decimals=0, custom__cellOptions={"type": "color-text"}, **share),
            override("verdict", mappings=_numbered(say), custom__cellOptions={"type": "color-text"}),
            override("site", links=links.site(language)),
            override("name", links=links.site(language)),
        ],
    )


def _numbered(say: Say) -> list[Json]:
    """The words of `_AS_NUMBER`: a standing has no words, and one that is silent is first of all that."""
    found = states(say)[0]["options"]
    kinds = ("met", "inconclusive", "below", "silent", "silent", "silent")
    return words({str(number): (found[kind]["text"], found[kind]["color"]) for number, kind in enumerate(kinds)})


def _communes(language: Language) -> Panel:
    say = speaker(language)
    judged = STATES[:3]
    sums = ", ".join(f'sum("{state}") AS "{state}"' for state in judged)
    query = select(sums, of(standings("commune", states=judged)), '"met" >= 0', by=tags("commune"))
    return bars(
        say("Theo xã, phường", "By commune"),
        say("Số điểm của mỗi xã, phường theo kết luận mới nhất.", "Each commune's sites by their newest verdict."),
        Target(query),
        across="commune",
        size=(24, 9),
        stack=True,
        decimals=0,
        called={
            "met": say("● Đạt", "● Met"),
            "below": say("▲ Chưa đạt", "▲ Below"),
            "inconclusive": say("■ Chưa kết luận", "■ Inconclusive"),
        },
        overrides=[
            *(override(state, color={"mode": "fixed", "fixedColor": COLOURS[state]}) for state in judged),
            override("commune", links=links.commune(language)),
        ],
    )


def _trend(say: Say) -> Sequence[Panel]:
    held = where(PLAN, PLACE, "$timeFilter")
    noted = select(_SHOWN, _STANDING, where(held, '"target" > 0'))
    share = select('mean("shown") AS "share"', of(noted), "$timeFilter", by=DAILY, fill="null")

    def middle(field: str, network: str) -> str:
        """Of one network's sites that have a target."""
        here = where(held, network, '"target" > 0')
        return select(f'median("{field}") AS "{field}"', _STANDING, here, by=DAILY, fill="null")

    networks = (
        (FIXED, say("cố định", "fixed")),
        (MOBILE, say("di động", "mobile")),
    )
    return [
        series(
            say("Tốc độ tải xuống so với chỉ tiêu", "Download against the plan's target"),
            say(
                "Mỗi ngày: trung vị của các điểm có chỉ tiêu (ghi mỗi ngày và mỗi khi kết luận thay đổi), mạng cố định"
                " và di động riêng; nét đứt là trung vị chỉ tiêu của các điểm đó.",
                "Each day: the median of the sites that have a target (noted daily and at each change), fixed"
                " and mobile networks apart; dashed: the median of these sites' targets.",
            ),
            [
                *(Target(middle("value", one), say("đo được: ", "measured: ") + name) for one, name in networks),
                *(Target(middle("target", one), say("chỉ tiêu: ", "target: ") + name) for one, name in networks),
            ],
            unit="Mbits",
            step="1d",
            overrides=[target_line("C"), target_line("D")],
        ),
        series(
            say("Tỷ lệ điểm đạt", "Share of sites that met"),
            say(
                "Mỗi ngày: đạt trên tổng số điểm có chỉ tiêu (mỗi điểm ghi một lượt, thêm khi đổi); chưa kết luận và"
                " mất liên lạc tính là chưa chứng minh. 100 % là kế hoạch.",
                "Each day: met, of all sites with a target (each noted once, again if it changed); silent and"
                " inconclusive ones count as not shown. 100 % is the plan.",
            ),
            [Target(share, say("tỷ lệ đạt", "share that met"))],
            unit="percentunit",
            max=1,
            step="1d",
            overrides=[of_query("A", color={"mode": "fixed", "fixedColor": GREEN}, thresholds=steps((None, GREEN)))],
        ),
    ]


def _open_incidents(language: Language) -> Panel:
    say = speaker(language)
    text = f"summary_{language}"
    shown = f'"{text}", "severity", "state", "group"'
    active, held = f'last("active") AS "active", {shown}', where(INCIDENTS, LAST_YEAR)
    # A site that moved while an incident was open has two series of it, of which the older one would stay open.
    of_sites = select(
        f'{active}, "commune", "provider"', lasting("incident"), f"{held} AND \"site\" != ''", by=tags("site", "cause")
    )
    of_groups = select(
        active,
        lasting("incident"),
        f"{held} AND \"site\" = ''",
        by=tags("site", "province", "commune", "provider", "cause"),
    )
    query = select(
        f"{shown}, {tags('site', 'commune', 'provider', 'cause')}", f"{of(of_sites)}, {of(of_groups)}", '"active" = 1'
    )
    columns = {
        "Time": say("Cập nhật", "Updated"),
        "severity": say("Mức", "Severity"),
        "cause": say("Nguyên nhân", "Cause"),
        text: say("Nội dung", "What"),
        "site": say("Mã điểm", "Site"),
        "group": say("Nhóm", "Group"),
        "commune": say("Xã, phường", "Commune"),
        "provider": say("Nhà cung cấp", "Provider"),
        "state": say("Trạng thái", "State"),
    }
    return table(
        say("Sự cố đang mở", "Open incidents"),
        say(
            "Mọi sự cố chưa kết thúc ở cuối kỳ; tiếp nhận trên trang linkgauge.",
            "All that had not ended at the range's end; they are acknowledged on linkgauge's page.",
        ),
        Target(query),
        size=(24, 9),
        columns=columns,
        drop=(),
        sort=(columns["Time"], True),
        overrides=[override("site", links=links.site(language))],
    )
