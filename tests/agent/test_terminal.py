"""What people see, with and without a terminal, in both languages."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs
from rich.console import Console

from agent import status as statuses
from agent.card import plot, rate, rows_of, size, spread_line
from agent.probes.probe import Progress
from agent.terminal import Screen
from agent.wire.control import Health, Status
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Cellular, Link, Measurement, Peer, Wifi
from agent.wire.results import Addresses, Check, Direction, Ipv6, Latency, Ledger, Result, Spread, Throughput
from agent.words import advice, advice_on_doubt, language, say

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENGLISH = {"LANG": "en_US.UTF-8"}
VIETNAMESE = {"LANG": "vi_VN.UTF-8"}
SPREAD = Spread(min=5, median=10, p95=15, max=20)
THROUGHPUT = Throughput(
    download=Direction(
        mbps=118.4,
        low_mbps=116.8,
        high_mbps=119.7,
        rates_mbps=[float(rate) for rate in range(100)],
        bytes=31_233_920,
        duration_s=2.13,
        streams=4,
        stop="converged",
        ramp_s=0.62,
        loaded_rtt_ms=Spread(median=38.1, p95=61.0),
        retransmit_ratio=0.0004,
        gateway_loaded_rtt_ms=Spread(median=1.9),
    ),
    upload=Direction(failure=Failure("transfer", "reset", "Connection reset by peer")),
    idle_rtt_ms=Spread(min=11.8, median=12.4),
    engine="msak",
    congestion="bbr",
    tls="TLSv1.3",
    cipher="TLS_AES_128_GCM_SHA256",
    gateway_rtt_ms=Spread(min=0.4, median=0.62),
    cpu_ratio=0.21,
    device_cpu_ratio=0.34,
    cpu_wait_ratio=0.012,
    ceiling_mbps=2345.6,
    temperature_c=58.4,
    cross_traffic_mbps=0.31,
    peer_load_ratio=0.75,
    pmtu_bytes=1492,
)
IPV6 = Ipv6(
    status="ipv4_only",
    score=2,
    addresses=Addresses(global_=["2001:db8::1"]),
    checks=[Check(name="connect_ipv4", ok=True, ms=1.5), Check(name="connect_ipv6", ok=False, reason="no_route")],
)


def _made(
    result: Result | None = None, *, kind: str = "throughput", failure: Failure | None = None
) -> Measurement[Any]:
    return Measurement(
        id="01936f0e-0000-7000-8000-000000000000",
        agent="a1",
        kind=kind,
        started=NOON,
        duration_s=21.04,
        family="ipv4",
        peer=Peer(url="msak+ws://h:1", address="192.0.2.1"),
        link=Link(interface="eth0", medium="ethernet", speed_mbps=1000, duplex="full"),
        result=result,
        failure=failure,
        doubts=["cross_traffic"],
    )


def _shown(made: Measurement[Any], environment: dict[str, str], *, terminal: bool) -> str:
    out = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, highlight=False)
    Screen(environment, out=out, bar=out).show(made)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_a_throughput_card_has_both_directions_a_plot_and_the_way() -> None:
    card = _shown(_made(THROUGHPUT), ENGLISH, terminal=True)
    for words in ("118.4 ± 1.6 Mbit/s", "█", "99 Mbit/s", "each bar 0.3 s", "the connection was cut"):
        assert words in card
    for words in (
        "settled after 2.1 s · 31.2 MB · 4 streams · ramp 0.6 s",
        "under load 38.1 ms (p95 61.0) · 0.04% sent again",
        "median 12.4 ms (min 11.8)",
        "median 0.62 ms (min 0.40) · under load: Download 1.9 ms",
        "msak · bbr · TLSv1.3 · TLS_AES_128_GCM_SHA256",
        "CPU 21% of a core · 34% of all cores · 1% waiting · can do 2346 Mbit/s · 58 °C",
        "msak+ws://h:1 (192.0.2.1) IPv4 · 75% of its places or CPU in use",
        "eth0 ethernet 1000 Mbit/s full-duplex · MTU 1492 · others 0.31 Mbit/s",
    ):
        assert words in card
    assert card.index("Measured") < card.index("Doubts"), "what to do comes last, where the eye is"
    assert "others used the line meanwhile" in card
    assert "stop downloads and video" in card
    assert card.startswith("╭─ Throughput")


@pytest.mark.parametrize("environment", [ENGLISH, VIETNAMESE])
def test_a_card_fits_a_terminal_of_80_columns(environment: dict[str, str]) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None, highlight=False)
    Screen(environment, out=out, bar=out).show(_made(THROUGHPUT))
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert {len(line) for line in lines} <= {80, 79, 78, 77, 76}
    assert len(lines) <= 34
    assert any("MB · 4" in line and ("ramp 0.6" in line or "tăng tốc 0.6" in line) for line in lines), "on one line"


@pytest.mark.parametrize("environment", [ENGLISH, VIETNAMESE])
def test_the_plot_fits_a_terminal_of_60_columns(environment: dict[str, str]) -> None:
    rates = [900.0] * 5 + [118.0 + number % 3 for number in range(95)]
    part = structs.replace(THROUGHPUT.download or Direction(), rates_mbps=rates)
    out = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None, highlight=False)
    Screen(environment, out=out, bar=out).show(_made(structs.replace(THROUGHPUT, download=part)))
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert max(len(line) for line in lines) == 60
    top = next(number for number, line in enumerate(lines) if "▲" in line)
    assert "178 Mbit/s, ▲ 900" in lines[top], "cut at 1.5 times the rate, and said how high it was"
    assert all("██" in line for line in lines[top + 1 : top + 3])
    assert "0.5" in lines[top + 2], "the words of its scale are on the same line"


@pytest.mark.parametrize("environment", [ENGLISH, VIETNAMESE])
def test_on_40_columns_labels_stand_above_what_they_name_and_nothing_is_torn(environment: dict[str, str]) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=40, color_system=None, highlight=False)
    Screen(environment, out=out, bar=out).show(_made(THROUGHPUT))
    assert isinstance(out.file, io.StringIO)
    lines = out.file.getvalue().splitlines()
    assert {len(line) for line in lines} == {40}
    label = next(number for number, line in enumerate(lines) if line.strip("│ ") in {"Download", "Tải xuống"})
    assert "Mbit/s" in lines[label + 1]
    assert "Mbit/s" in lines[label + 2], "the scale of the plot is on the plot's line"
    assert all("█" in line for line in lines[label + 3 : label + 5])
    assert "0.7" in lines[label + 4]
    with Screen(environment, out=out, bar=out).watch("throughput") as move:
        for _ in range(30):
            move(Progress(0.1, "download", 17881.1, "Mbit/s"))
    assert "17881.1 Mbit/s" in out.file.getvalue()


def test_one_early_spike_does_not_flatten_the_rest() -> None:
    lines = plot([1000.0, *[100.0] * 9], height=3, top=150.0)
    assert lines[0][0] == "▲"
    assert lines[1][1:] == "█" * 9
    assert "▲" not in "".join(plot([140.0, *[100.0] * 9], height=3, top=150.0))


def test_rates_and_counts_are_said_as_people_say_them() -> None:
    assert [rate(9999.9), rate(10_000), rate(23_456), rate(99.4, 0)] == [
        "9999.9 Mbit/s",
        "10.00 Gbit/s",
        "23.46 Gbit/s",
        "99 Mbit/s",
    ]
    part = Direction(mbps=23_456.0, low_mbps=23_400.0, high_mbps=23_500.0, streams=1, stop="time", duration_s=1.0)
    made = structs.replace(_made(Throughput(download=part, peer_load_ratio=0.25)), link=Link("lo", "other"))
    card = _shown(made, ENGLISH, terminal=True)
    assert "23.46 ± 0.06 Gbit/s" in card
    assert "1 stream" in card
    assert "1 streams" not in card
    assert "lo loopback, inside this device" in card
    assert "in use" not in card, "one test of four is no news"


def test_a_direction_cut_by_its_budget_is_a_lower_bound() -> None:
    part = Direction(mbps=50.0, low_mbps=49.0, high_mbps=51.0, stop="budget", duration_s=0.66, bytes=5_000_000)
    card = _shown(_made(Throughput(download=part)), ENGLISH, terminal=True)
    assert "≥ 50.0 Mbit/s" in card
    assert "data budget used up after 0.7 s · 5.0 MB" in card


def test_a_run_of_full_length_says_what_stopping_early_would_have_said() -> None:
    part = Direction(mbps=100.0, early_mbps=100.25, early_duration_s=1.9, early_bytes=22_000_000, stop="time")
    english = _shown(_made(Throughput(download=part)), ENGLISH, terminal=False)
    assert "stopping early would have said 100.2 Mbit/s (+0.25%) after 1.9 s and 22.0 MB" in english
    assert "dừng sớm" in _shown(_made(Throughput(download=part)), VIETNAMESE, terminal=False)


def test_what_the_air_was_like_is_shown() -> None:
    wifi = Link(interface="wlan0", medium="wifi", wifi=Wifi(signal_dbm=-61.4, band="5 GHz", rx_mbps=433.3, tx_mbps=390))
    mobile = Link(interface="wwan0", medium="cellular", cellular=Cellular(technology="lte", band="B3", rsrp_dbm=-101))
    made = _made(THROUGHPUT)
    shown = _shown(structs.replace(made, link=wifi), ENGLISH, terminal=True)
    assert "wlan0 wifi · Wi-Fi 5 GHz -61 dBm 433/390 Mbit/s" in shown
    assert "wwan0 cellular · lte B3 -101 dBm" in _shown(structs.replace(made, link=mobile), ENGLISH, terminal=True)


@pytest.mark.parametrize(
    ("count", "words"), [(999, "999 B"), (1000, "1.0 kB"), (123_456_789, "123 MB"), (2_500_000_000, "2.50 GB")]
)
def test_amounts_are_short(count: int, words: str) -> None:
    assert size(count) == words


def test_without_a_terminal_the_same_comes_as_plain_lines() -> None:
    text = _shown(_made(THROUGHPUT), ENGLISH, terminal=False)
    assert text.startswith("Throughput\nDownload: 118.4 ± 1.6 Mbit/s\n")
    assert "╭" not in text
    assert "\x1b" not in text
    assert "Measured: 2026-11-22 12:00:00 UTC, took 21.0 s\n" in text


def test_a_latency_card() -> None:
    result = Latency(method="stamp", sent=200, received=198, lost=2, loss_ratio=0.01, rtt_ms=SPREAD, jitter_ms=0.123)
    card = _shown(_made(result, kind="latency"), ENGLISH, terminal=True)
    for words in ("median 10.0 ms (min 5.0, p95 15.0, max 20.0)", "2 of 200 (1.0%)", "0.12 ms", "┃"):
        assert words in card


def test_a_latency_card_tells_the_ways_apart_and_rates_a_call() -> None:
    result = Latency(
        method="stamp",
        sent=1000,
        received=980,
        lost=20,
        late=3,
        duplicate=1,
        reordered=0,
        loss_ratio=0.02,
        rtt_ms=SPREAD,
        jitter_ms=0.5,
        forward_jitter_ms=0.25,
        backward_jitter_ms=4.0,
        forward_loss_ratio=0.015,
        backward_loss_ratio=0.005,
        stamps="kernel",
        r_factor=86.1,
        mos=4.25,
    )
    card = _shown(_made(result, kind="latency"), ENGLISH, terminal=True)
    for words in (
        "0.50 ms · there 0.25, back 4.00 ms",
        "20 of 1000 (2.0%) · there 1.5%, back 0.5%",
        "3 came too late · 1 came twice",
        "R 86.1, MOS 4.2 · a video lesson or consultation is fine",
        "STAMP packets · times by the kernel",
    ):
        assert words in card
    assert "out of order" not in card
    poor = structs.replace(result, r_factor=49.9, mos=2.57, stamps="program")
    card = _shown(_made(poor, kind="latency"), VIETNAMESE, terminal=True)
    for words in ("R 49.9, MOS 2.6 · không thể học", "chiều đi 1.5%, chiều về 0.5%", "giờ do chương trình ghi"):
        assert words in card


def test_an_ipv6_card_says_each_check() -> None:
    card = _shown(_made(IPV6, kind="ipv6"), ENGLISH, terminal=True)
    for words in (
        "IPv4 only, no IPv6",
        "2 / 10",
        "2001:db8::1",
        "✓ connection over IPv4  1.5 ms",
        "✗ connection over IPv6  no route",
    ):
        assert words in card


def test_an_ipv6_card_says_nothing_of_a_family_that_was_not_tried() -> None:
    tried_one = structs.replace(_made(IPV6, kind="ipv6"), doubts=["method_reference_only"])
    card = _shown(tried_one, ENGLISH, terminal=True)
    assert "IPv4 works; IPv6 was not tried" in card
    assert "no IPv6" not in card
    assert "given by its name" in card


@pytest.mark.parametrize(
    ("status", "checks", "words"),
    [
        ("broken", [Check("connect_ipv6", ok=False, stage="connect", reason="timeout")], "IPv6 on the router"),
        ("none", [Check("connect_ipv4", ok=False, stage="connect", reason="refused")], "is the peer running"),
        ("none", [Check("resolve_ipv4", ok=False, stage="resolve", reason="nxdomain")], "the spelling of the peer"),
    ],
)
def test_an_ipv6_card_says_what_to_check(status: str, checks: list[Check], words: str) -> None:
    card = _shown(_made(Ipv6(status=status, checks=checks), kind="ipv6"), ENGLISH, terminal=True)
    assert words in card
    assert "no network" not in card


def test_a_box_without_a_modem_says_what_to_plug_in_and_install() -> None:
    failure = Failure("device", "no_hardware", "no message bus")
    assert "lsusb" in _shown(_made(None, failure=failure, kind="radio"), ENGLISH, terminal=False)
    assert "lsusb" in _shown(_made(None, failure=failure, kind="radio"), VIETNAMESE, terminal=False)
    assert "lsusb" not in _shown(_made(None, failure=failure), ENGLISH, terminal=False)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure("tls", "protocol"), "does this port speak TLS"),
        (Failure("handshake", "closed"), "msak+wss://"),
        (Failure("handshake", "timeout"), "is it stuck"),
        (Failure("tls", "bad_certificate"), "--ca FILE"),
        (Failure("device", "budget"), "--max-bytes"),
    ],
)
def test_advice_names_the_next_thing_to_do(failure: Failure, words: str) -> None:
    assert words in advice(failure, "en")


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ("mlab:", "M-Lab's locate service: is there internet"),
        ("ookla://7", "speedtest.net: is there internet"),
        ("msak+wss://h:1", "the spelling of the peer"),
        (None, "the spelling of the peer"),
    ],
)
def test_nobody_has_misspelt_what_the_program_knows_itself(peer: str | None, words: str) -> None:
    made = structs.replace(_made(failure=Failure("resolve", "nxdomain")), peer=Peer(url=peer) if peer else None)
    assert words in _shown(made, ENGLISH, terminal=False)


def test_a_failure_card_says_where_why_and_what_to_check() -> None:
    made = _made(kind="latency", failure=Failure("connect", "refused", "Connection refused"))
    english, vietnamese = _shown(made, ENGLISH, terminal=True), _shown(made, VIETNAMESE, terminal=True)
    for words in ("Latency: failed", "connecting to the peer", "refused", "is the peer running"):
        assert words in english
    for words in ("Độ trễ: thất bại", "kết nối tới máy đo", "bị từ chối", "đúng cổng"):
        assert words in vietnamese


def test_markup_in_what_others_sent_is_shown_as_it_is() -> None:
    made = _made(failure=Failure("peer", "busy", "[red]not markup[/]"))
    assert "[red]not markup[/]" in _shown(made, ENGLISH, terminal=True)
    assert "[red]not markup[/]" in _shown(made, ENGLISH, terminal=False)


@pytest.mark.parametrize(
    "result", [Throughput(), Latency(method="x", sent=0, received=0), Ipv6(status="new_word"), None]
)
def test_a_bare_result_still_has_a_card(result: Result | None) -> None:
    assert "UTC" in _shown(_made(result), ENGLISH, terminal=True)


def test_a_kind_of_later_is_shown_by_what_all_share() -> None:
    rows = rows_of(_made(Ledger(day=NOON.date()), kind="some_kind"), "en")
    assert [row.label for row in rows] == ["Peer", "Through", "Measured", "Doubts"]


def test_the_plot_rises_with_the_rate_and_is_never_wider_than_asked() -> None:
    lines = plot([float(rate) for rate in range(300)], columns=50, height=3)
    assert len(lines) == 3
    assert {len(line) for line in lines} == {50}
    assert lines[0][-1] == "█"
    assert lines[0][0] == " "
    assert lines[2][25] == "█"
    assert plot([]) == plot([0.0, 0.0]) == []
    assert plot([5.0], height=1) == ["█"]


def test_the_box_marks_the_median() -> None:
    line = spread_line(SPREAD, columns=41)
    assert line.index("┃") == 20
    assert (line[9], line[10], line[30], line[31], len(line)) == ("·", "━", "━", "╌", 41)
    assert spread_line(Spread()) == ""
    assert spread_line(Spread(min=1, median=1, max=1), columns=10)[-1] == "┃"


def test_the_bar_moves_on_a_terminal_only() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with Screen(ENGLISH, out=out, bar=out).watch("latency") as move:
        move(Progress(0.5, "latency", 93.25, "ms"))
        move(Progress(7.0, "later"))
    assert isinstance(out.file, io.StringIO)
    assert "93.2 ms" in out.file.getvalue() or "later" in out.file.getvalue()
    dumb = Console(file=io.StringIO(), force_terminal=False)
    with Screen(ENGLISH, out=dumb, bar=dumb).watch("throughput") as move:
        move(Progress(0.5, "download", 93.25, "Mbit/s"))
    assert isinstance(dumb.file, io.StringIO)
    assert dumb.file.getvalue() == ""


def test_a_run_that_ends_when_it_knows_shows_rates_and_no_share_of_anything() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with Screen(ENGLISH, out=out, bar=out).watch("throughput") as move:
        for value in (10.0, 40.0, 80.0):
            move(Progress(0.01, "download", value, "Mbit/s"))
        for value in (20.0, 40.0):
            move(Progress(0.51, "upload", value, "Mbit/s"))
    assert isinstance(out.file, io.StringIO)
    last = out.file.getvalue().rpartition("Download")[2]
    assert "▁▄█" in last
    assert "80.0 Mbit/s" in last, "the finished direction keeps its last rate"
    assert "▄█" in last.partition("Upload")[2]
    assert "━" not in out.file.getvalue()


def test_the_status_of_the_service() -> None:
    report = statuses.Report(
        agent="a1",
        pid=1,
        since=NOON,
        at=NOON,
        status=Status(
            state="online",
            spooled=3,
            dropped=1,
            next={"latency": NOON, "ipv6": NOON.replace(hour=11)},
            health=Health(clock_synchronized=False),
        ),
        broker=statuses.Broker(url="mqtts://b", connected=False, since=NOON, last_error="refused"),
        measuring="throughput",
        recent=[statuses.Recent(kind="latency", started=NOON, failure="connect:refused")],
        trouble=["disk full"],
    )
    out = Console(file=io.StringIO(), force_terminal=False, width=200)
    Screen(ENGLISH, out=out, bar=out).show_status(report, alive=True)
    Screen(VIETNAMESE, out=out, bar=out).show_status(report, alive=False)
    assert isinstance(out.file, io.StringIO)
    text = out.file.getvalue()
    for words in ("3 without receipt, 1 dropped", "not synchronized", "not connected since", ": refused", "disk full"):
        assert words in text
    assert text.index("11:00:00 UTC  IPv6") < text.index("12:00:00 UTC  Latency")
    assert "không chạy" in text


@pytest.mark.parametrize(
    ("environment", "tongue"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "vi"}, "vi"),
        ({"LC_ALL": "", "LANG": "vi"}, "vi"),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], tongue: str) -> None:
    assert language(environment) == tongue


@pytest.mark.parametrize("tongue", ["en", "vi"])
def test_every_word_of_the_contract_has_words(tongue: Any) -> None:  # noqa: ANN401 - a literal
    for prefix, words in (("stage", Stage), ("reason", Reason), ("doubt", Doubt)):
        for word in words:
            text = say(f"{prefix}:{word}", tongue)
            assert tongue == "en" or text != say(f"{prefix}:{word}", "en")
            assert "_" not in text
            assert prefix != "doubt" or advice_on_doubt(word, tongue)
    for stop in ("converged", "budget", "time", "peer", "error"):
        assert say(f"stop:{stop}", tongue) != say(f"stop:{stop}", "vi" if tongue == "en" else "en")
    for stage in Stage:
        assert advice(Failure(stage, Reason.DROPPED), tongue)
    assert say("doubt:word_of_later", tongue) == "word of later"
    assert advice(Failure("later", "later"), tongue) == ""


@pytest.mark.parametrize(
    ("result", "colour"),
    [
        (Ipv6(status="dual_stack", score=10), "32"),
        (Ipv6(status="dual_stack", score=7), "33"),
        (Ipv6(status="ipv4_only", score=0, domain="lan"), "33"),
        (Ipv6(status="broken", score=0, domain="access"), "31"),
    ],
)
def test_the_frame_of_a_card_says_at_once_how_it_went(result: Ipv6, colour: str) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard", highlight=False)
    Screen(ENGLISH, out=out, bar=out).show(structs.replace(_made(result, kind="ipv6"), doubts=[]))
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().startswith(f"\x1b[{colour}m╭")
