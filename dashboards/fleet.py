"""*Fleet and pipe*: whether boxes live, and whether what they measure arrives. Pure."""

from collections.abc import Sequence
from typing import Final

from dashboards import links
from dashboards.board import Head, Json, Row, dashboard
from dashboards.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Panel,
    Target,
    by_value,
    gauge,
    of_query,
    override,
    plain,
    series,
    stat,
    table,
)
from dashboards.queries import (
    DAILY,
    INCIDENTS,
    LAST_HOUR,
    LAST_MONTH,
    PLACE,
    lasting,
    number_of,
    of,
    raw,
    rolled,
    select,
    standings,
    tags,
    where,
)
from dashboards.variables import chain, level
from dashboards.words import Language, Say, speaker

DOUBTS: Final = {
    "cpu_bound": ("thiết bị quá chậm", "box too slow"),
    "nic_bound": ("cổng mạng chậm", "network port too slow"),
    "wifi_bound": ("qua Wi-Fi", "over Wi-Fi"),
    "cross_traffic": ("đường truyền đang bận", "line in use"),
    "peer_bound": ("máy chủ đo bận", "peer busy"),
    "budget_cut": ("hết hạn mức dữ liệu", "data budget spent"),
    "not_converged": ("tốc độ chưa ổn định", "not converged"),
    "tunnel|captive_portal|thermal|undervoltage|method_reference_only": ("lý do khác", "other reasons"),
}
_STATUS: Final = raw("status")
_HERE: Final = where(PLACE, "$timeFilter")
_LATELY: Final = where(PLACE, LAST_HOUR)


def fleet(language: Language) -> Json:
    """The dashboard."""
    say = speaker(language)
    head = Head(
        "fleet",
        say("linkgauge: Thiết bị và luồng dữ liệu", "linkgauge: Fleet and pipe"),
        say(
            "Thiết bị đo có hoạt động không, đồng hồ và hàng đợi ra sao, bao nhiêu báo cáo đến nơi, lỗi và nghi vấn"
            " vì đâu.",
            "Whether boxes live, their clocks and queues, how many reports arrive, and why tests fail or are doubted.",
        ),
        [*chain(say), level(say)],
        INCIDENTS,
        "now-7d",
    )
    rows = [
        Row(say("Hiện nay", "Now"), _now(say)),
        Row(say("Luồng dữ liệu", "The pipe"), _pipe(say)),
        Row(say("Lỗi và nghi vấn", "Failures and doubts"), _trouble(say)),
        Row(say("Thiết bị", "Boxes"), [_boxes(language), _missing(language)]),
    ]
    return dashboard(head, language, rows)


def _now(say: Say) -> Sequence[Panel]:
    online = select('last("online") AS "online"', _STATUS, _LATELY, by=tags("agent"))
    clock = select('last("health_clock_synchronized") AS "clock"', _STATUS, _LATELY, by=tags("agent"))
    spool = select('last("spooled") AS "spooled"', _STATUS, _LATELY, by=tags("agent"))
    silent = select('sum("silent") AS "n"', of(standings(states=["silent"])), '"silent" >= 0')
    ratio = select(
        'sum("received") / sum("produced") AS "ratio"', lasting("completeness"), where(_HERE, '"produced" > 0')
    )
    hour = say("Theo tin trạng thái mới nhất trong giờ cuối kỳ.", "By the newest status in the range's last hour.")
    return [
        stat(
            say("Thiết bị trực tuyến", "Boxes online"),
            hour,
            Target(number_of("online", "true", online)),
            decimals=0,
            noValue="0",
            **plain(GREEN),
        ),
        stat(
            say("✕ Điểm mất liên lạc", "✕ Silent sites"),
            say("Trong số mọi điểm đã đăng ký.", "Of all registered sites."),
            Target(silent),
            decimals=0,
            noValue="0",
            **by_value((None, GREEN), (1, AMBER)),
        ),
        stat(
            say("▲ Đồng hồ sai", "▲ Clock not in step"),
            hour,
            Target(number_of("clock", "false", clock)),
            decimals=0,
            noValue="0",
            **by_value((None, GREEN), (1, RED)),
        ),
        stat(
            say("Báo cáo đang chờ gửi", "Reports waiting in boxes"),
            hour,
            Target(select('sum("spooled") AS "n"', of(spool), '"spooled" >= 0')),
            decimals=0,
            noValue="0",
            **plain("text"),
        ),
        gauge(
            say("Báo cáo đã đến nơi", "Reports that arrived"),
            say(
                "Số đã nhận chia cho số thiết bị đã tạo, cả kỳ.", "Received, of what the boxes produced, in the range."
            ),
            Target(ratio),
            unit="percentunit",
            min=0,
            max=1,
            **by_value((None, RED), (0.9, AMBER), (0.98, GREEN)),
        ),
        stat(
            say("Báo cáo còn thiếu", "Reports missing"),
            say("Số báo cáo đã tạo mà chưa nhận được, cả kỳ.", "Produced and not seen yet, in the range."),
            Target(select('sum("missing") AS "n"', lasting("completeness"), _HERE)),
            decimals=0,
            noValue="0",
            **by_value((None, GREEN), (1, AMBER)),
        ),
    ]


def _pipe(say: Say) -> Sequence[Panel]:
    def daily(field: str) -> str:
        return select(f'sum("{field}") AS "n"', lasting("completeness"), _HERE, by="time($__interval)", fill="null")

    fates = {
        "planned": ("theo lịch", "planned"),
        "run": ("đã chạy", "run"),
        "produced": ("đã tạo", "produced"),
        "received": ("đã nhận", "received"),
    }
    losses = {
        "late": ("đến muộn", "late"),
        "rejected": ("bị từ chối", "rejected"),
        "dropped": ("thiết bị phải bỏ", "dropped by the box"),
        "missing": ("còn thiếu", "missing"),
    }
    spooled = select('last("spooled") AS "n"', _STATUS, _HERE, by=f"time($__interval), {tags('agent')}", fill="none")
    return [
        series(
            say("Từ lịch đến kho", "From schedule to store"),
            say("Mỗi ngày (UTC), mọi điểm đã chọn.", "Each day (UTC), all chosen sites."),
            [Target(daily(field), say(*named)) for field, named in fates.items()],
            size=(8, 8),
            step="1d",
            decimals=0,
        ),
        series(
            say("Mất mát", "Losses"),
            say("Mỗi ngày (UTC): đến muộn, bị từ chối, bị bỏ, còn thiếu.", "Each day (UTC)."),
            [Target(daily(field), say(*named)) for field, named in losses.items()],
            size=(8, 8),
            step="1d",
            decimals=0,
        ),
        series(
            say("Đang chờ trong thiết bị", "Waiting in boxes"),
            say(
                "6 giờ cuối: tổng hàng đợi theo tin trạng thái cuối mỗi bước.",
                "The last 6 hours: all queues, by each step's last status.",
            ),
            [
                Target(
                    select('sum("n") AS "n"', of(spooled), "$timeFilter", by="time($__interval)", fill="null"),
                    say("báo cáo", "reports"),
                )
            ],
            size=(8, 8),
            step="10m",
            span="6h",
            decimals=0,
        ),
    ]


def _trouble(say: Say) -> Sequence[Panel]:
    def count(what: str, kind: str = "throughput") -> str:
        return select(f'{what} AS "n"', rolled(kind), _HERE, by="time($__interval)", fill="null")

    def doubted(doubt: str) -> str:
        held = where(PLACE, f'"doubts" =~ /{doubt}/', LAST_MONTH)
        return select('count("doubts") AS "n"', raw("throughput"), held, by="time($__interval)", fill="null")

    def data(direction: str) -> str:
        what = f'sum("{direction}_bytes") AS "n"'
        return select(what, raw("throughput"), where(PLACE, LAST_MONTH), by=DAILY, fill="null")

    kinds = ("throughput", "latency", "ipv6", "dns", "web", "path")
    return [
        series(
            say("Lần đo lỗi theo loại", "Failed runs by kind"),
            say(
                "Số lần đo mà mạng không đáp ứng được; lý do xem ở từng điểm.",
                "Runs in which the network did not do what was asked; for reasons see each site.",
            ),
            [Target(count('sum("failed_n")', kind), kind) for kind in kinds],
            draw="bars",
            stack=True,
            step="6h",
            decimals=0,
        ),
        series(
            say("Lần đo tốc độ có nghi vấn", "Doubted speed tests"),
            say(
                "31 ngày cuối kỳ, theo lý do; lần đo có hai lý do được đếm ở cả hai. Lần có nghi vấn không tính vào kết"
                " luận.",
                "The range's last 31 days, by reason; a test with two reasons counts under both. A doubted test never"
                " counts against a line.",
            ),
            [Target(doubted(doubt), say(*named)) for doubt, named in DOUBTS.items()],
            draw="bars",
            stack=True,
            step="6h",
            decimals=0,
        ),
        series(
            say("Số lần đo tốc độ", "Speed tests"),
            say("Hợp lệ và không hợp lệ mỗi bước.", "Conclusive and not, in each step."),
            [
                Target(
                    count('sum("reports_n") - sum("failed_n") - sum("doubted_n")'),
                    say("hợp lệ", "conclusive"),
                ),
                Target(count('sum("failed_n") + sum("doubted_n")'), say("lỗi hoặc có nghi vấn", "failed or doubted")),
            ],
            size=(12, 7),
            stack=True,
            draw="bars",
            step="6h",
            decimals=0,
            overrides=[
                of_query("A", color={"mode": "fixed", "fixedColor": GREEN}),
                of_query("B", color={"mode": "fixed", "fixedColor": GREY}),
            ],
        ),
        series(
            say("Dữ liệu dùng để đo", "Data used by tests"),
            say(
                "31 ngày cuối kỳ: byte tải xuống và tải lên của mọi lần đo tốc độ, mỗi ngày.",
                "The range's last 31 days: bytes of all speed tests, each day.",
            ),
            [
                Target(data("download"), say("tải xuống", "download")),
                Target(data("upload"), say("tải lên", "upload")),
            ],
            size=(12, 7),
            unit="decbytes",
            draw="bars",
            stack=True,
            step="1d",
        ),
    ]


def _boxes(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        'last("online") AS "online", "software", "profile", "spooled", "dropped", "health_clock_synchronized",'
        ' "health_disk_free_bytes", "health_load", "health_uptime_s", "site"',
        _STATUS,
        where(PLACE, "time > ${__to}ms - 1d AND time <= ${__to}ms", '"online" = true'),
        by=tags("agent"),  # not by site too: a box that was carried elsewhere would stand there twice
    )
    columns = {
        "agent": say("Thiết bị", "Box"),
        "site": say("Mã điểm", "Site"),
        "Time": say("Liên lạc gần nhất", "Last heard"),
        "software": say("Phần mềm", "Software"),
        "profile": say("Cấu hình", "Profile"),
        "spooled": say("Đang chờ", "Waiting"),
        "dropped": say("Đã bỏ", "Dropped"),
        "health_clock_synchronized": say("Đồng hồ đúng", "Clock in step"),
        "health_disk_free_bytes": say("Đĩa trống", "Disk free"),
        "health_load": say("Tải", "Load"),
        "health_uptime_s": say("Thời gian chạy", "Up for"),
    }
    yes = [
        {
            "type": "value",
            "options": {
                "true": {"text": say("● có", "● yes"), "color": GREEN, "index": 0},
                "false": {"text": say("▲ không", "▲ no"), "color": RED, "index": 1},
            },
        }
    ]
    return table(
        say("Thiết bị", "Boxes"),
        say(
            "Tin trạng thái mới nhất của từng thiết bị trong ngày cuối kỳ.",
            "The last word of each box in the range's last day.",
        ),
        Target(query),
        size=(14, 11),
        columns=columns,
        drop=("online",),
        sort=(columns["Time"], False),
        overrides=[
            override("health_clock_synchronized", mappings=yes, custom__cellOptions={"type": "color-text"}),
            override("health_disk_free_bytes", unit="decbytes"),
            override("health_uptime_s", unit="s"),
            override("site", links=links.site(language)),
        ],
    )


def _missing(language: Language) -> Panel:
    say = speaker(language)
    query = select(
        'sum("received") / sum("produced") AS "ratio", sum("missing") AS "missing", sum("late") AS "late",'
        ' sum("dropped") AS "dropped", sum("produced") AS "produced"',
        lasting("completeness"),
        where(_HERE, '"produced" > 0'),
        by=tags("site", "commune"),
    )
    columns = {
        "site": say("Mã điểm", "Site"),
        "commune": say("Xã, phường", "Commune"),
        "ratio": say("Đã đến", "Arrived"),
        "missing": say("Thiếu", "Missing"),
        "late": say("Muộn", "Late"),
        "dropped": say("Bỏ", "Dropped"),
        "produced": say("Đã tạo", "Produced"),
    }
    return table(
        say("Độ đầy đủ theo điểm", "Completeness by site"),
        say("Cả kỳ; thấp trước.", "In the range; lowest first."),
        Target(query),
        size=(10, 11),
        columns=columns,
        sort=(columns["ratio"], False),
        overrides=[
            override("ratio", unit="percentunit", decimals=1),
            override("site", links=links.site(language)),
        ],
    )
