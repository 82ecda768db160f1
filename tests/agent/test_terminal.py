"""What people see, with and without a terminal, in both languages."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs
from rich.console import Console

from agent import status as statuses
from agent.probes.probe import Progress
from agent.terminal import Screen, plot, rows_of, spread_line
from agent.wire.control import Health, Status
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.report import Link, Measurement, Peer
from agent.wire.results import Addresses, Check, Direction, Ipv6, Latency, Ledger, Result, Spread, Throughput
from agent.words import advice, language, say

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
        loaded_rtt_ms=Spread(median=38.1),
        retransmit_ratio=0.0004,
    ),
    upload=Direction(failure=Failure("transfer", "reset", "Connection reset by peer")),
    idle_rtt_ms=Spread(min=11.8, median=12.4),
    engine="msak",
    congestion="bbr",
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
        link=Link(interface="eth0", medium="ethernet", speed_mbps=1000),
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
    for words in ("118.4 Mbit/s  (116.8 - 119.7)", "█", "99 Mbit/s", "each bar 0.2 s", "the connection was cut"):
        assert words in card
    for words in ("Upload", "failed", "median 12.4 ms", "Download 38.1 ms", "0.04%", "msak, bbr", "eth0 ethernet 1000"):
        assert words in card
    assert "others used the line meanwhile" in card
    assert card.startswith("╭─ Throughput")


def test_without_a_terminal_the_same_comes_as_plain_lines() -> None:
    text = _shown(_made(THROUGHPUT), ENGLISH, terminal=False)
    assert text.startswith("Throughput\nDownload: 118.4 Mbit/s")
    assert "╭" not in text
    assert "\x1b" not in text
    assert "Measured: 2026-11-22 12:00:00 UTC, took 21.0 s\n" in text


def test_a_latency_card() -> None:
    result = Latency(method="stamp", sent=200, received=198, lost=2, loss_ratio=0.01, rtt_ms=SPREAD, jitter_ms=0.123)
    card = _shown(_made(result, kind="latency"), ENGLISH, terminal=True)
    for words in ("median 10.0 ms  (min 5.0, p95 15.0, max 20.0)", "2 of 200 (1.0%)", "0.12 ms", "┃"):
        assert words in card


def test_an_ipv6_card_says_each_check() -> None:
    card = _shown(_made(IPV6, kind="ipv6"), ENGLISH, terminal=True)
    for words in ("IPv4 only, no IPv6", "2 / 10", "2001:db8::1", "✓ connect ipv4  1.5 ms", "✗ connect ipv6  no route"):
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
    assert [label for label, _ in rows] == ["Doubts", "Peer", "Through", "Measured"]


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
    with Screen(ENGLISH, out=out, bar=out).watch("throughput") as move:
        move(Progress(0.5, "download", 93.25, "Mbit/s"))
        move(Progress(7.0, "upload"))
    assert isinstance(out.file, io.StringIO)
    assert "93.2 Mbit/s" in out.file.getvalue() or "Upload" in out.file.getvalue()
    dumb = Console(file=io.StringIO(), force_terminal=False)
    with Screen(ENGLISH, out=dumb, bar=dumb).watch("throughput") as move:
        move(Progress(0.5, "download", 93.25, "Mbit/s"))
    assert isinstance(dumb.file, io.StringIO)
    assert dumb.file.getvalue() == ""


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
    for stage in Stage:
        assert advice(Failure(stage, Reason.DROPPED), tongue)
    assert say("doubt:word_of_later", tongue) == "word of later"
    assert advice(Failure("later", "later"), tongue) == ""
