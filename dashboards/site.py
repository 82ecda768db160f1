"""*Site*: what one site gets, what it was promised, and how its line behaves. Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.ipv6 import status_words
from dashboards.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Panel,
    Target,
    by_value,
    of_query,
    override,
    plain,
    series,
    stat,
    states,
    table,
    target_line,
    timeline,
    words,
)
from dashboards.queries import DOWNLOAD, LAST_YEAR, SITE, lasting, raw, select, where
from dashboards.variables import chain
from dashboards.words import Language, Say, speaker

_HERE: Final = where(SITE, "$timeFilter")
_VERDICTS: Final = where(SITE, DOWNLOAD)
_UNTIL: Final = "time > ${__to}ms - 60d AND time <= ${__to}ms"


def site(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "site",
        title=say("linkgauge: Điểm đo", "linkgauge: Site"),
        about=say(
            "Một điểm đo: kết luận và lý do, từng lần đo (kể cả lần lỗi và có nghi vấn), độ trễ, IPv6, sóng di động,"
            " thời gian trực tuyến, sự cố.",
            "One site: its verdict and why, each test (failed and doubted ones too), latency, IPv6, mobile radio,"
            " when it was up, incidents.",
        ),
        variables=chain(say, one_site=True),
        incidents=SITE,
        since="now-14d",
    )
    rows = [
        Row(say("Kết luận", "Verdict"), _verdict(say)),
        Row(say("Tốc độ", "Speed"), [*_speed(say), _trouble(say)]),
        Row(say("Độ trễ", "Latency"), _latency(say)),
        Row(say("Trạng thái", "State"), _states(say)),
        Row(say("Sóng di động", "Mobile radio"), [_radio(say)]),
        Row(say("Báo cáo", "Reports"), [_reports(language), _verdict_table(say)]),
    ]
    return dashboard(head, language, rows)


def _verdict(say: Say) -> Sequence[Panel]:
    newest = select(
        'last("verdict") AS "verdict", "value", "target", "low", "high", "n", "reasons"',
        lasting("verdict"),
        where(_VERDICTS, _UNTIL),
    )

    def one(field: str, unit: str, title: str, about: str) -> Panel:
        return stat(title, about, Target(newest), size=(4, 4), field=field, unit=unit, decimals=1, **plain("text"))

    month = select('sum("download_bytes") + sum("upload_bytes") AS "bytes"', raw("throughput"), _HERE)
    return [
        stat(
            say("Kết luận", "Verdict"),
            say(
                "Kết luận mới nhất so với chỉ tiêu kế hoạch, đến cuối kỳ.",
                "The newest verdict against the plan's target, up to the range's end.",
            ),
            Target(newest),
            size=(5, 4),
            **{"field": "verdict", **by_value((None, GREY)), "mappings": states(say)},
        ),
        one(
            "value",
            "Mbits",
            say("Đo được", "Measured"),
            say("Trung vị tải xuống của n lần đo.", "Median of n samples."),
        ),
        one(
            "target",
            "Mbits",
            say("Chỉ tiêu", "Target"),
            say("Mức kế hoạch đề ra cho điểm này.", "What the plan promises here."),
        ),
        one(
            "low",
            "Mbits",
            say("Cận dưới 95 %", "Low, 95 %"),
            say("Cận dưới khoảng tin cậy.", "Lower bound of the interval."),
        ),
        stat(
            "n",
            say("Số mẫu hợp lệ trong kết luận.", "Conclusive samples behind the verdict."),
            Target(newest),
            size=(3, 4),
            field="n",
            decimals=0,
            **plain("text"),
        ),
        stat(
            say("Dữ liệu dùng để đo", "Data used by tests"),
            say(
                "Tổng byte tải xuống và tải lên của các lần đo tốc độ trong kỳ.",
                "Bytes of all speed tests in the range, both ways.",
            ),
            Target(month),
            size=(4, 4),
            unit="decbytes",
            noValue="0",
            **plain("text"),
        ),
    ]


def _speed(say: Say) -> Sequence[Panel]:
    found = []
    for direction, name in (
        ("download", say("Tải xuống", "Download")),
        ("upload", say("Tải lên", "Upload")),
    ):
        value, flag = f'"{direction}_mbps"', "conclusive" if direction == "download" else "upload_conclusive"
        good = select(value, raw("throughput"), where(SITE, f'"{flag}" = true', "$timeFilter"), by='"family"')
        doubted = select(value, raw("throughput"), where(SITE, f'"{flag}" = false', "$timeFilter"))
        asked = where(SITE, f"\"indicator\" = '{direction}_mbps'", "$timeFilter")
        marks = select('"target"', lasting("verdict"), asked, by='"scope"')
        found.append(
            series(
                name,
                say(
                    "Mỗi điểm là một lần đo, theo IPv4/IPv6; xám: lần đo có nghi vấn, không tính; nét đứt: chỉ"
                    " tiêu kế hoạch"
                    " và mức theo hợp đồng.",
                    "Each point is a test, by IPv4 and IPv6; grey: doubted, does not count; dashed: the plan's"
                    " target and"
                    " what was bought.",
                ),
                [
                    Target(good, say("hợp lệ $tag_family", "conclusive $tag_family")),
                    Target(doubted, say("có nghi vấn", "doubted")),
                    Target(marks, say("mức $tag_scope", "target $tag_scope")),
                ],
                unit="Mbits",
                draw="points",
                overrides=[of_query("B", color={"mode": "fixed", "fixedColor": GREY}), target_line("C")],
            )
        )
    return found


def _trouble(say: Say) -> Panel:
    failed = select('count("failure") AS "n"', raw("throughput"), _HERE, by="time($__interval)", fill="none")
    doubted = select('count("doubts") AS "n"', raw("throughput"), _HERE, by="time($__interval)", fill="none")
    return series(
        say("Lần đo lỗi và lần đo có nghi vấn", "Failed and doubted tests"),
        say(
            "Số lần đo tốc độ lỗi (mạng không đáp ứng được) và số lần có nghi vấn, mỗi bước; một lần đo có thể ở cả"
            " hai.",
            "Speed tests that failed (the network did not do what was asked), and those that were doubted, in each"
            " step; a test can be both.",
        ),
        [Target(failed, say("lỗi", "failed")), Target(doubted, say("có nghi vấn", "doubted"))],
        size=(24, 5),
        draw="bars",
        stack=True,
        step="6h",
        decimals=0,
        overrides=[
            of_query("A", color={"mode": "fixed", "fixedColor": RED}),
            of_query("B", color={"mode": "fixed", "fixedColor": GREY}),
        ],
    )


def _latency(say: Say) -> Sequence[Panel]:
    def steps(
        field: str, measurement: str = "latency", condition: str = '"conclusive" = true', *, figure: str = "median"
    ) -> str:
        held = where(SITE, condition, "$timeFilter")
        by = 'time($__interval), "family"'
        return select(f'{figure}("{field}") AS "value"', raw(measurement), held, by=by, fill="null")

    return [
        series(
            say("Độ trễ khi rỗi", "Latency at rest"),
            say(
                "Mỗi bước, IPv4 và IPv6 riêng: trung vị của giá trị nhỏ nhất, trung vị và p95 từng lần đo hợp lệ.",
                "In each step, IPv4 and IPv6 apart: the median of each conclusive run's least, median and p95.",
            ),
            [
                Target(steps("rtt_ms_min"), say("nhỏ nhất $tag_family", "least $tag_family")),
                Target(steps("rtt_ms_median"), say("trung vị $tag_family", "median $tag_family")),
                Target(steps("rtt_ms_p95"), "p95 $tag_family"),
            ],
            unit="ms",
            step="2h",
            size=(8, 8),
        ),
        series(
            say("Độ trễ khi tải", "Latency under load"),
            say(
                "Mỗi bước, IPv4 và IPv6 riêng: trung vị của trung vị từng lần đo tốc độ hợp lệ (gói nhỏ gửi cạnh luồng"
                " tải).",
                "In each step, IPv4 and IPv6 apart: the median of each conclusive speed test's median, of small packets"
                " beside the load.",
            ),
            [
                Target(
                    steps("download_loaded_latency_ms_median", "throughput"),
                    say("khi tải xuống $tag_family", "while downloading $tag_family"),
                ),
                Target(
                    steps("upload_loaded_latency_ms_median", "throughput", '"upload_conclusive" = true'),
                    say("khi tải lên $tag_family", "while uploading $tag_family"),
                ),
                Target(steps("idle_rtt_ms_median", "throughput"), say("khi rỗi $tag_family", "at rest $tag_family")),
            ],
            unit="ms",
            step="6h",
            size=(8, 8),
        ),
        series(
            say("Mất gói", "Packet loss"),
            say(
                "Mỗi bước, IPv4 và IPv6 riêng: trung bình tỷ lệ mất gói của các lần đo hợp lệ.",
                "In each step, IPv4 and IPv6 apart: the mean share of packets lost, of conclusive runs.",
            ),
            [Target(steps("loss_ratio", figure="mean"), say("mất gói $tag_family", "lost $tag_family"))],
            unit="percentunit",
            step="2h",
            size=(8, 8),
        ),
    ]


def _states(say: Say) -> Sequence[Panel]:
    online = select('last("online") AS "online"', raw("status"), _HERE, by="time($__interval)", fill="null")
    judged = select('"verdict"', lasting("verdict"), where(_VERDICTS, "$timeFilter"))
    family = select('"status"', raw("ipv6"), _HERE)
    silent = select('"silent"', lasting("standing"), _HERE)
    up = words(
        {
            "true": (say("● trực tuyến", "● online"), GREEN),
            "false": (say("▲ ngắt kết nối", "▲ offline"), RED),
            "0": (say("● có liên lạc", "● heard"), GREEN),
            "1": (say("✕ mất liên lạc", "✕ silent"), AMBER),
        }
    )
    return [
        timeline(
            say("Thiết bị và liên lạc", "The box, and whether the site is heard"),
            say(
                "Thiết bị: tin trạng thái cuối mỗi bước (mọi thiết bị tại điểm); trống: không có tin. Liên lạc: theo"
                " linkgauge, ghi mỗi ngày và mỗi khi thay đổi.",
                "Box: the last status of each step (of any box at the site); empty: nothing was heard. Site: as"
                " linkgauge judges it, noted daily and at each change.",
            ),
            Target(online),
            Target(silent),
            mapped=up,
            step="10m",
            overrides=[
                override("online", displayName=say("thiết bị", "box")),
                override("silent", displayName=say("liên lạc", "site")),
            ],
        ),
        timeline(
            say("Kết luận theo thời gian", "Verdict over time"),
            say("Sau mỗi kết quả hợp lệ.", "After each conclusive result."),
            Target(judged),
            mapped=states(say),
        ),
        timeline(
            "IPv6",
            say("Kết quả từng lần kiểm tra IPv6.", "What each check of IPv6 found."),
            Target(family),
            mapped=status_words(say),
        ),
    ]


def _radio(say: Say) -> Panel:
    def level(field: str) -> str:
        # By hours, and not from the readings: these hold walks with a modem too, which say nothing of the site.
        what = f'median("{field}_median") AS "value"'
        return select(what, lasting("radio_hour"), _HERE, by="time($__interval)", fill="null")

    return series(
        say("Mức thu sóng (điểm có modem)", "Signal level (sites with a modem)"),
        say(
            "Mỗi bước: trung vị của các trung vị RSRP từng giờ, 4G và 5G riêng, không gồm lần khảo sát; trống: điểm"
            " không có modem di động.",
            "In each step the median of the hours' median RSRP, 4G and 5G apart, without surveys; empty: the site has"
            " no mobile modem.",
        ),
        [Target(level("rsrp_dbm"), "RSRP 4G"), Target(level("nr_rsrp_dbm"), "SS-RSRP 5G")],
        size=(24, 7),
        unit="dBm",
        least=-140,
        max=-40,
        step="2h",
    )


def _reports(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        '"download_mbps", "upload_mbps", "failure", "doubts", "download_stop", "id", "family", "peer", "agent"',
        raw("throughput"),
        _HERE + " ORDER BY time DESC LIMIT 50",
    )
    columns = {
        "Time": say("Bắt đầu", "Started"),
        "download_mbps": say("Tải xuống", "Download"),
        "upload_mbps": say("Tải lên", "Upload"),
        "failure": say("Lỗi", "Failure"),
        "doubts": say("Nghi vấn", "Doubts"),
        "family": "IP",
        "peer": say("Máy chủ đo", "Peer"),
        "agent": say("Thiết bị", "Box"),
        "download_stop": say("Dừng vì", "Stopped by"),
        "id": "id",
    }
    return table(
        say("50 lần đo tốc độ mới nhất", "The newest 50 speed tests"),
        say(
            "Trong kỳ; id mở báo cáo gốc trên trang linkgauge.", "In the range; the id opens the report as it was sent."
        ),
        Target(query),
        size=(14, 10),
        columns=columns,
        drop=(),
        sort=(columns["Time"], True),
        overrides=[
            override("download_mbps", unit="Mbits"),
            override("upload_mbps", unit="Mbits"),
            override("id", links=links.report(language)),
        ],
    )


def _verdict_table(say: Say) -> Panel:
    query = select(
        'last("verdict") AS "verdict", "value", "target", "n", "reasons"',
        lasting("verdict"),
        where(SITE, LAST_YEAR),
        by='"plan", "indicator", "scope"',
    )
    columns = {
        "indicator": say("Chỉ tiêu", "Indicator"),
        "scope": say("Phạm vi", "Scope"),
        "plan": say("Kế hoạch", "Plan"),
        "verdict": say("Kết luận", "Verdict"),
        "value": say("Giá trị", "Value"),
        "target": say("Mức", "Target"),
        "n": "n",
        "reasons": say("Lý do", "Reasons"),
    }
    return table(
        say("Mọi kết luận", "All verdicts"),
        say(
            "Kết luận mới nhất của từng câu hỏi: kế hoạch và hợp đồng.",
            "The newest verdict on each question: plan and contract.",
        ),
        Target(query),
        size=(10, 10),
        columns=columns,
        overrides=[override("verdict", mappings=states(say))],
    )
