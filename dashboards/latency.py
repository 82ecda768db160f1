"""*Latency and calls*: how long things take, at rest and under load, and whether a call can be held. Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.panels import (
    AMBER,
    GREEN,
    RED,
    Panel,
    Target,
    by_value,
    gauge,
    histogram,
    override,
    plain,
    series,
    stat,
    table,
)
from dashboards.queries import INCIDENTS, LAST_WEEK, PLACE, of, rolled, select, tags, typical, where
from dashboards.variables import chain, level
from dashboards.words import Language, Say, speaker

_HERE: Final = where(PLACE, "$timeFilter")
_BY_PROVIDER: Final = '"provider"'
_STEPS: Final = f"time($__interval), {_BY_PROVIDER}"


def latency(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "latency",
        say("linkgauge: Độ trễ và cuộc gọi", "linkgauge: Latency and calls"),
        say(
            "Độ trễ khi rỗi và khi tải, mất gói, chất lượng cuộc gọi (MOS theo ITU-T G.107), tên miền và trang web.",
            "Latency at rest and under load, loss, quality of calls (MOS by ITU-T G.107), names and web pages.",
        ),
        [*chain(say), level(say)],
        INCIDENTS,
        "now-7d",
    )
    rows = [
        Row(say("Trong kỳ", "In the range"), _now(say)),
        Row(say("Độ trễ", "Latency"), _latency(say)),
        Row(say("Cuộc gọi", "Calls"), _calls(say)),
        Row(say("Tên miền và trang web", "Names and pages"), _services(say)),
        Row(say("Điểm cần xem", "Sites to look at"), [_worst(language), _spread(say)]),
    ]
    return dashboard(head, language, rows)


def _now(say: Say) -> Sequence[Panel]:
    def one(function: str, field: str, kind: str = "latency") -> Target:
        return Target(select(f'{function}("{field}_{function}") AS "value"', rolled(kind), _HERE))

    every = say(
        "Trung vị của các trung vị từng giờ (hoặc ngày) của mỗi điểm trong kỳ, chỉ lần đo hợp lệ; IPv4 và IPv6 gộp.",
        "Median of each site's medians by hours (or days) in the range, of conclusive runs; IPv4 and IPv6 mixed.",
    )
    return [
        stat(
            say("Độ trễ, trung vị", "Latency, median"),
            every,
            one("median", "rtt_ms_median"),
            unit="ms",
            **plain("text"),
        ),
        stat(
            say("Độ trễ khi tải", "Under load"),
            every,
            one("median", "download_loaded_latency_ms_median", "throughput"),
            unit="ms",
            **plain("text"),
        ),
        stat(
            say("Mất gói, trung bình", "Loss, mean"),
            say(
                "Trung bình của các trung bình từng giờ (hoặc ngày) của mỗi điểm trong kỳ, chỉ lần đo hợp lệ.",
                "Mean of each site's means by hours (or days) in the range, of conclusive runs.",
            ),
            one("mean", "loss_ratio"),
            unit="percentunit",
            decimals=2,
            **by_value((None, GREEN), (0.01, AMBER), (0.03, RED)),
        ),
        stat(say("Biến thiên trễ", "Jitter"), every, one("median", "jitter_ms"), unit="ms", **plain("text")),
        stat(
            say("Phản hồi/phút khi tải", "Round trips/min under load"),
            every,
            one("median", "responsiveness_rpm", "throughput"),
            decimals=0,
            **plain("text"),
        ),
        gauge(
            say("Chất lượng cuộc gọi (MOS)", "Call quality (MOS)"),
            say(
                "MOS 1-4,5: trung vị của các trung vị từng giờ (hoặc ngày) của mỗi điểm, lần đo kiểu cuộc gọi; dưới 3,6"
                " người nghe khó chịu.",
                "MOS, 1 to 4.5: median of each site's medians by hours (or days), of runs like a call; below 3.6 people"
                " complain.",
            ),
            one("median", "mos"),
            min=1,
            max=4.5,
            decimals=1,
            **by_value((None, RED), (3.1, AMBER), (3.6, GREEN)),
        ),
    ]


def _latency(say: Say) -> Sequence[Panel]:
    median = say(
        "Mỗi bước: trung vị của các trung vị từng giờ (hoặc ngày) của mỗi điểm, chỉ lần đo hợp lệ; IPv4 và IPv6 gộp.",
        "In each step the median of each site's medians by hours (or days), of conclusive runs; IPv4 and IPv6 mixed.",
    )
    return [
        series(
            say("Độ trễ theo nhà cung cấp", "Latency by provider"),
            median,
            [Target(typical("rtt_ms_median", "latency", by=_BY_PROVIDER), "$tag_provider")],
            unit="ms",
            step="1h",
        ),
        series(
            say("p95 theo loại đường truyền", "p95 by access technology"),
            say(
                "Mỗi bước: trung vị của trung vị p95 từng giờ (hoặc ngày) của mỗi điểm.",
                "In each step the median of the sites' median p95 by hours (or days).",
            ),
            [Target(typical("rtt_ms_p95", "latency", by='"access"'), "$tag_access")],
            unit="ms",
            step="1h",
        ),
        series(
            say("Độ trễ khi rỗi và khi tải", "At rest and under load"),
            median,
            [
                Target(typical("idle_rtt_ms_median", "throughput"), say("khi rỗi", "at rest")),
                Target(
                    typical("download_loaded_latency_ms_median", "throughput"),
                    say("khi tải xuống", "while downloading"),
                ),
                Target(
                    typical("upload_loaded_latency_ms_median", "throughput"),
                    say("khi tải lên", "while uploading"),
                ),
            ],
            unit="ms",
            step="1h",
        ),
        series(
            say("Phản hồi khi tải (RPM)", "Responsiveness under load (RPM)"),
            say(
                "Số lượt đi về mỗi phút khi đường truyền bận, trung vị của các trung vị từng điểm; cao là tốt.",
                "Round trips per minute while the line is busy, median of the sites' medians; high is good.",
            ),
            [Target(typical("responsiveness_rpm", "throughput", by=_BY_PROVIDER), "$tag_provider")],
            unit="none",
            step="1h",
        ),
    ]


def _calls(say: Say) -> Sequence[Panel]:
    loss = select('mean("loss_ratio_mean") AS "value"', rolled("latency"), _HERE, by=_STEPS, fill="null")
    return [
        series(
            say("Chất lượng cuộc gọi (MOS)", "Call quality (MOS)"),
            say(
                "Trung vị của các trung vị MOS (ITU-T G.107) từng điểm; 4,5 là tốt nhất.",
                "Median of the sites' median MOS (ITU-T G.107); 4.5 is the best.",
            ),
            [Target(typical("mos", "latency", by=_BY_PROVIDER), "$tag_provider")],
            max=4.5,
            step="1h",
            size=(8, 8),
        ),
        series(
            say("Mất gói", "Packet loss"),
            say(
                "Trung bình của tỷ lệ mất gói trung bình từng giờ (hoặc ngày) của mỗi điểm.",
                "Mean of the sites' mean shares of packets lost, by hours (or days).",
            ),
            [Target(loss, "$tag_provider")],
            unit="percentunit",
            step="1h",
            size=(8, 8),
        ),
        series(
            say("Biến thiên trễ", "Jitter"),
            say("Theo RFC 3550, trung vị của các trung vị từng điểm.", "By RFC 3550, median of the sites' medians."),
            [Target(typical("jitter_ms", "latency", by=_BY_PROVIDER), "$tag_provider")],
            unit="ms",
            step="1h",
            size=(8, 8),
        ),
    ]


def _services(say: Say) -> Sequence[Panel]:
    return [
        series(
            say("Phân giải tên miền", "Names resolved"),
            say(
                "Thời gian trả lời của bộ phân giải, trung vị của các trung vị từng điểm.",
                "Time of the resolvers' answers, median of the sites' medians.",
            ),
            [Target(typical("median_ms", "dns", by=_BY_PROVIDER), "$tag_provider")],
            unit="ms",
            step="1h",
        ),
        series(
            say("Tải trang web", "Web pages loaded"),
            say(
                "Byte đầu tiên và cả trang, trung vị của các trung vị từng điểm.",
                "The first byte, and the whole page, median of the sites' medians.",
            ),
            [
                Target(typical("first_byte_ms", "web"), say("byte đầu", "first byte")),
                Target(typical("total_ms", "web"), say("cả trang", "whole page")),
            ],
            unit="ms",
            step="1h",
        ),
    ]


def _worst(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        'median("rtt_ms_median_median") AS "rtt", median("rtt_ms_p95_median") AS "p95",'
        ' mean("loss_ratio_mean") AS "loss", median("jitter_ms_median") AS "jitter", median("mos_median") AS "mos",'
        ' sum("rtt_ms_median_n") AS "n"',
        rolled("latency"),
        where(PLACE, LAST_WEEK),
        by=tags("site", "commune", "provider", "access"),
    )
    columns = {
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã, phường", "Commune"),
        "provider": say("Nhà cung cấp", "Provider"),
        "access": say("Đường truyền", "Access"),
        "rtt": say("Trung vị", "Median"),
        "p95": "p95",
        "loss": say("Mất gói", "Loss"),
        "jitter": say("Biến thiên trễ", "Jitter"),
        "mos": "MOS",
        "n": "n",
    }
    return table(
        say("Độ trễ của từng điểm", "Latency of each site"),
        say(
            "7 ngày cuối kỳ: trung vị của các trung vị từng giờ (hoặc ngày); n là số lần đo hợp lệ. Cao trước.",
            "The range's last 7 days: medians of the medians by hours (or days), of n conclusive runs; highest first.",
        ),
        Target(query),
        size=(14, 10),
        columns=columns,
        sort=(columns["p95"], True),
        overrides=[
            *(override(name, unit="ms", decimals=1) for name in ("rtt", "p95", "jitter")),
            override("loss", unit="percentunit", decimals=2),
            override("mos", decimals=1),
            override("site", links=links.site(language)),
        ],
    )


def _spread(say: Say) -> Panel:
    each = select('median("rtt_ms_median_median") AS "rtt"', rolled("latency"), _HERE, by=tags("site"))
    return histogram(
        say("Phân bố độ trễ", "Spread of latency"),
        say(
            "Số điểm theo trung vị của các trung vị độ trễ từng giờ (hoặc ngày) trong kỳ.",
            "Sites by the median of their median latencies by hours (or days) in the range.",
        ),
        Target(select('"rtt"', of(each), '"rtt" >= 0')),
        size=(10, 10),
        unit="ms",
        bucket=5,
    )
