"""*IPv6*: where it works, where it is broken, and what it costs. Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.panels import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    Panel,
    Target,
    bars,
    by_value,
    gauge,
    override,
    plain,
    series,
    stat,
    table,
    target_line,
    words,
)
from dashboards.queries import (
    DAILY,
    INCIDENTS,
    LAST_WEEK,
    PLACE,
    PLAN,
    RECENTLY,
    lasting,
    middle,
    newest,
    number_of,
    of,
    raw,
    select,
    tags,
    where,
)
from dashboards.variables import chain
from dashboards.words import Language, Say, speaker

COLOURS: Final = {"dual_stack": GREEN, "ipv6_only": BLUE, "ipv4_only": GREY, "broken": RED, "none": AMBER}
_HERE: Final = where(PLACE, "$timeFilter")
_LATELY: Final = where(PLACE, '"conclusive" = true', RECENTLY)
_ASKED: Final = where(PLAN, PLACE, "\"indicator\" = 'ipv6'", "$timeFilter")


def ipv6(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "ipv6",
        say("linkgauge: IPv6", "linkgauge: IPv6"),
        say(
            "Điểm nào dùng được IPv6, điểm nào lỗi và lỗi ở bước nào, tốc độ kết nối so với IPv4.",
            "Which sites have IPv6 that works, where and at which step it is broken, and how it compares with IPv4.",
        ),
        chain(say),
        INCIDENTS,
    )
    rows = [
        Row(say("Hiện nay", "Now"), [*_counts(say), _score(say)]),
        Row(say("Theo thời gian", "Over time"), _over_time(say)),
        Row(say("Nhà cung cấp và kế hoạch", "Providers and plan"), [_providers(say), _judged(language)]),
        Row(say("Điểm cần xem", "Sites to look at"), [_broken(language)]),
    ]
    return dashboard(head, language, rows)


def status_words(say: Say) -> list[Json]:
    """The states of IPv6, each with a sign of its own."""
    return words(
        {
            "dual_stack": (say("● IPv4 và IPv6", "● both"), GREEN),
            "ipv6_only": (say("● chỉ IPv6", "● IPv6 only"), BLUE),
            "ipv4_only": (say("■ chỉ IPv4", "■ IPv4 only"), GREY),
            "broken": (say("▲ IPv6 hỏng", "▲ IPv6 broken"), RED),
            "none": (say("✕ không có mạng", "✕ no network"), AMBER),
        }
    )


def _counts(say: Say) -> Sequence[Panel]:
    checks = newest('last("status") AS "status"', raw("ipv6"), _LATELY)
    about = say(
        "Số điểm theo lần kiểm tra hợp lệ mới nhất trong 2 ngày cuối kỳ.",
        "Sites by their newest conclusive check in the range's last two days.",
    )
    named = status_words(say)[0]["options"]
    return [
        stat(
            named[status]["text"],
            about,
            Target(number_of("status", f"'{status}'", checks)),
            decimals=0,
            noValue="0",
            **plain(COLOURS[status]),
        )
        for status in ("dual_stack", "ipv6_only", "ipv4_only", "broken", "none")
    ]


def _score(say: Say) -> Panel:
    checks = newest('last("score") AS "score"', raw("ipv6"), _LATELY)
    return gauge(
        say("Điểm sẵn sàng", "Readiness"),
        say(
            "Trung bình điểm số (0-10) của lần kiểm tra hợp lệ mới nhất ở mỗi điểm đo.",
            "Mean score (0 to 10) of the sites' newest conclusive checks.",
        ),
        Target(select('mean("score") AS "score"', of(checks), '"score" >= 0')),
        min=0,
        max=10,
        decimals=1,
        **by_value((None, RED), (5.0, AMBER), (8.0, GREEN)),
    )


def _over_time(say: Say) -> Sequence[Panel]:
    scores = select('mean("score_mean") AS "score"', lasting("ipv6_day"), _HERE, by=f'{DAILY}, "provider"', fill="null")

    def connects(family: str) -> str:
        what = f'median("connect_ms_{family}_median") AS "value"'
        return select(what, lasting("ipv6_day"), _HERE, by=DAILY, fill="null")

    return [
        series(
            say("Điểm sẵn sàng theo nhà cung cấp", "Readiness by provider"),
            say("Mỗi ngày: trung bình điểm của các điểm đo.", "Each day: the mean of the sites' scores."),
            [Target(scores, "$tag_provider")],
            max=10,
            step="1d",
        ),
        series(
            say("Thời gian kết nối: IPv4 và IPv6", "Time to connect: IPv4 and IPv6"),
            say("Mỗi ngày: trung vị của trung vị từng điểm.", "Each day: the median of the sites' medians."),
            [
                Target(connects("ipv4"), "IPv4"),
                Target(connects("ipv6"), "IPv6"),
            ],
            unit="ms",
            step="1d",
        ),
        series(
            say("Tốc độ tải xuống: IPv4 và IPv6", "Download: IPv4 and IPv6"),
            say(
                "7 ngày cuối kỳ: trung vị mọi lần đo hợp lệ trong mỗi bước.",
                "The range's last 7 days: the median of all conclusive tests in each step.",
            ),
            [Target(middle("download_mbps", "throughput", LAST_WEEK, by='"family"'), "$tag_family")],
            unit="Mbits",
            step="6h",
            span="7d",
        ),
    ]


def _providers(say: Say) -> Panel:
    checks = select('last("score") AS "score"', raw("ipv6"), _LATELY, by=tags("site", "provider"))
    query = select('mean("score") AS "score", count("score") AS "n"', of(checks), '"score" >= 0', by=tags("provider"))
    return bars(
        say("Theo nhà cung cấp", "By provider"),
        say(
            "Trung bình điểm sẵn sàng (0-10) và số điểm đo n, lần kiểm tra hợp lệ mới nhất trong 2 ngày cuối kỳ; điểm"
            " vừa đổi nhà cung cấp có ở cả hai.",
            "Mean readiness (0 to 10) and number of sites n, newest conclusive checks of the range's last two days; a"
            " site that has just changed its provider is in both.",
        ),
        Target(query),
        across="provider",
        decimals=1,
        called={"score": say("điểm sẵn sàng", "readiness"), "n": say("số điểm đo", "sites")},
    )


def _judged(language: Language) -> Panel:
    say = speaker(language)
    day = select(
        'last("value") AS "value", last("target") AS "target"',
        lasting("verdict"),
        _ASKED,
        by=f"{DAILY}, {tags('site')}",
        fill="none",
    )
    measured = select('mean("value") AS "value"', of(day), "$timeFilter", by=DAILY, fill="null")
    mark = select('mean("target") AS "target"', of(day), "$timeFilter", by=DAILY, fill="null")
    return series(
        say("IPv6 so với chỉ tiêu kế hoạch", "IPv6 against the plan's target"),
        say(
            "Mỗi ngày: trung bình tỷ lệ lần kiểm tra đạt của các điểm có chỉ tiêu IPv6; nét đứt là chỉ tiêu.",
            "Each day: the mean share of checks that worked, of sites with an IPv6 target; dashed: the target.",
        ),
        [Target(measured, say("đạt được", "reached")), Target(mark, say("chỉ tiêu", "target"))],
        unit="percentunit",
        step="1d",
        overrides=[target_line("B")],
    )


def _broken(language: Language) -> Panel:
    say = speaker(language)
    shown = '"score", "stage", "reason", "domain", "winner", "commune", "provider"'
    checks = newest(f'last("status") AS "status", {shown}', raw("ipv6"), _LATELY)
    query = newest(f'"status", {shown}', of(checks), '"score" < 10')
    columns = {
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã, phường", "Commune"),
        "provider": say("Nhà cung cấp", "Provider"),
        "status": say("Trạng thái", "State"),
        "score": say("Điểm (0-10)", "Score (0-10)"),
        "stage": say("Bước lỗi", "Failed at"),
        "reason": say("Lý do", "Reason"),
        "domain": say("Phía có lỗi", "Whose part"),
        "winner": say("IP nhanh hơn", "Winner"),
        "Time": say("Lúc", "At"),
    }
    return table(
        say("Điểm đo chưa sẵn sàng hoàn toàn", "Sites below the full score"),
        say(
            "Lần kiểm tra hợp lệ mới nhất của mỗi điểm đo trong 2 ngày cuối kỳ, điểm số thấp trước.",
            "Each site's newest conclusive check in the range's last two days, lowest score first.",
        ),
        Target(query),
        size=(24, 10),
        columns=columns,
        drop=(),
        sort=(columns["score"], False),
        overrides=[
            override("site", links=links.site(language)),
            override("status", mappings=status_words(say), custom__cellOptions={"type": "color-text"}),
        ],
    )
