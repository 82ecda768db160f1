"""What people read, word for word, in both languages; and what hostile content cannot do."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.incidents.incident import Cause, Group, moved
from collector.places.catalogue import known
from collector.places.placement import called
from collector.plans.types import Text
from collector.tell.answer import Parcel
from collector.tell.compose import composed
from collector.tell.message import Message, Reader, message_of, summary_of
from collector.tell.message import test_of as message_of_test
from collector.tell.place import news_called
from tests.collector.tell.rig import ABOUT, NOW, incident_of, news_of
from tests.collector.tell.test_telling import HOSTILE

VI = Reader("vi", ZoneInfo("Asia/Ho_Chi_Minh"), "https://lg.example")
EN = replace(VI, language="en")


def test_an_opened_incident_in_english() -> None:
    message = message_of(news_of(), EN)
    assert message.subject == "Lạng Sơn, Hữu Lũng, Trường TH Hữu Lũng 1: speed below target (open, warning)"
    assert (
        message.text
        == """s1: below target

Site: Trường TH Hữu Lũng 1 (s1)
Place: Hữu Lũng, Lạng Sơn
Provider: VNPT
Target: 50 Mbit/s
Results: 9 of 10 results below it
Median: 31.2 Mbit/s (95 % interval: 28 to 34.5 Mbit/s)
Since: 2026-11-22 19:00
First action: Check the router

https://lg.example/incidents/s1.below_target.20261122T120000000000Z
"""
    )
    assert message.short == (
        "Trường TH Hữu Lũng 1: speed below target, open, 31.2 Mbit/s < 50 Mbit/s https://lg.example/sites/s1"
    )


def test_a_resolved_incident_in_vietnamese() -> None:
    over = moved(incident_of(), "resolved", NOW + timedelta(hours=2), who="Lan", note="đã thay thiết bị")
    message = message_of(news_of(over), VI)
    assert message.subject == "Lạng Sơn, Hữu Lũng, Trường TH Hữu Lũng 1: tốc độ dưới chỉ tiêu (đã kết thúc, cảnh báo)"
    assert (
        message.text
        == """s1: dưới chỉ tiêu

Điểm: Trường TH Hữu Lũng 1 (s1)
Địa bàn: Hữu Lũng, Lạng Sơn
Nhà cung cấp: VNPT
Chỉ tiêu: 50 Mbit/s
Kết quả: 9/10 kết quả dưới mức này
Trung vị: 31,2 Mbit/s (khoảng 95 %: 28 đến 34,5 Mbit/s)
Từ lúc: 19:00 22/11/2026
Kết thúc: 21:00 22/11/2026
Người xử lý: Lan
Ghi chú: đã thay thiết bị

https://lg.example/incidents/s1.below_target.20261122T120000000000Z
"""
    )


def test_html_says_the_same_as_text() -> None:
    message = message_of(news_of(), EN)
    for line in message.text.splitlines():
        assert line.partition(": ")[2] in message.html


def test_a_parent_lists_its_sites_by_name() -> None:
    parent = msgspec.structs.replace(
        incident_of(cause="outage", severity="critical"),
        site=None,
        group=Group("provider_commune", "VNPT, Hữu Lũng"),
        children=[f"s{number}" for number in range(25)],
        evidence={"k": 25, "n": 27},
        about={"province": "Lạng Sơn"},
    )
    message = message_of(news_of(parent), replace(EN, names={"s0": "School 0"}))
    assert "Group: provider and commune VNPT, Hữu Lũng\n" in message.text
    assert "Results: 25 of 27 sites fail together\n" in message.text
    assert "Sites: School 0; s1; s2;" in message.text
    assert "s19; and 5 more\n" in message.text
    assert message.text.endswith("https://lg.example/incidents/s1.outage.20261122T120000000000Z\n")


def test_a_reminder_says_that_it_is_one() -> None:
    news = news_of()
    parcel = Parcel("d", "reminder", ("{}",), (news,), "d")
    assert composed(parcel, EN).subject.endswith("(reminder, open, warning)")
    assert composed(parcel, VI).subject.endswith("(nhắc lại, đang mở, cảnh báo)")


def test_many_in_one_are_told_line_by_line() -> None:
    message = summary_of([news_of(), news_of(incident_of("s2", "silent"))], EN)
    assert message.subject == "linkgauge: 2 messages in one"
    assert message.text.count("\n- ") == 2
    assert "silent (open, warning)\n  s2: below target\n" in message.text


def test_a_test_message_says_that_it_is_one() -> None:
    assert message_of_test(VI).subject == "linkgauge: tin thử"
    assert "https://lg.example" in message_of_test(EN).text


@pytest.mark.parametrize("reader", [VI, EN])
def test_hostile_content_stays_where_it_is_put(reader: Reader) -> None:
    incident = msgspec.structs.replace(
        incident_of(),
        site=HOSTILE,
        about=dict.fromkeys(ABOUT, HOSTILE),
        summary=Text(vi=HOSTILE, en=HOSTILE),
        first_action=Text(vi=HOSTILE, en=HOSTILE),
        evidence={"target": HOSTILE, "median": HOSTILE, "unit": HOSTILE, "k": HOSTILE, "n": HOSTILE, "since": HOSTILE},
    )
    message = message_of(news_of(moved(incident, "acknowledged", NOW, who=HOSTILE, note=HOSTILE)), reader)
    plain = message_of(news_of(moved(incident_of(), "acknowledged", NOW, who="Lan", note="x")), reader)
    assert message.text.count("\n") == plain.text.count("\n")
    assert "<script" not in message.html
    for part in (message.subject, message.short):
        assert part.isprintable()
    assert len(message.short) <= 160
    assert "\u202e" not in message.text + message.html


def test_what_a_letter_lacks_is_left_out() -> None:
    bare = msgspec.structs.replace(incident_of(), about={}, evidence={}, first_action=None)
    assert (
        message_of(news_of(bare), EN).text
        == """s1: below target

Site: s1
Since: 2026-11-22 19:00

https://lg.example/incidents/s1.below_target.20261122T120000000000Z
"""
    )


def test_shares_are_percent() -> None:
    share = msgspec.structs.replace(incident_of(), evidence={"target": 0.95, "unit": "share", "median": 0.5})
    assert "Target: 95 %\n" in message_of(news_of(share), EN).text


def test_a_message_survives_its_record() -> None:
    message = message_of(news_of(), VI)
    body = msgspec.json.encode(message).decode()
    assert composed(Parcel("d", "digest", (body,), (), "d"), VI) == message
    assert isinstance(message, Message)


@pytest.mark.parametrize(
    ("cause", "evidence", "lines"),
    [
        (
            "below_contract",
            {"k": 3, "n": 4, "target": 80.0, "unit": "Mbps"},
            ["Contract: 80 Mbit/s", "3 of 4 results below it"],
        ),
        (
            "collapse",
            {"k": 5, "n": 5, "target": 50.0, "unit": "Mbps"},
            ["Target: 50 Mbit/s", "5 of 5 results below half of it"],
        ),
        ("outage", {"k": 4, "n": 4}, ["4 of 4 runs reached nothing"]),
        ("silent", {"k": 0, "n": 0}, []),
    ],
)
def test_each_cause_has_its_own_figures(cause: Cause, evidence: dict[str, object], lines: list[str]) -> None:
    news = news_of(msgspec.structs.replace(incident_of(cause=cause), evidence=evidence))
    text = message_of(news, EN).text
    assert all(line in text for line in lines)
    assert ("Results:" in text) == bool(lines)


def test_places_are_called_by_their_names_where_they_are_known() -> None:
    def named(province: str, commune: str) -> tuple[str, str]:
        return called(known(), province, commune, NOW.date())

    filed = ABOUT | {"province": "lang-son", "commune": "huu-lung"}
    message = message_of(news_called(news_of(about=filed), named), EN)
    assert message.subject.startswith("Lạng Sơn, Hữu Lũng, Trường TH Hữu Lũng 1: ")
    assert "Place: Hữu Lũng, Lạng Sơn\n" in message.text
    nowhere = news_called(news_of(about=filed | {"commune": "noi-la"}), named)
    assert message_of(nowhere, EN).subject.startswith("Lạng Sơn, noi-la, ")
    group = Group("provider_commune", "VNPT, huu-lung, lang-son")
    summary = Text(vi=f"4 điểm của {group.name}.", en=f"4 sites of {group.name}.")
    parent = news_called(news_of(site=None, group=group, summary=summary, about={}), named)
    assert (parent.group and parent.group.name, parent.summary.en) == (
        "VNPT, Hữu Lũng, Lạng Sơn",
        "4 sites of VNPT, Hữu Lũng, Lạng Sơn.",
    )
    assert news_called(news_of(group=Group("province", "lang-son")), named).name == "Lạng Sơn"
    assert news_called(news_of(group=Group("peer", "th-1")), named).name == "th-1"
