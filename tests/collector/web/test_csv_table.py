"""Tables that spreadsheets open as they are."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from collector.web.csv_table import answer, cell
from collector.web.words import Words

WORDS = Words("vi", ZoneInfo("Asia/Ho_Chi_Minh"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (float("-inf"), ""),
        (-3.5, "-3.5"),
        (1234567.25, "1234567.25"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (datetime(2026, 11, 22, 15, tzinfo=timezone(timedelta(hours=7))), "2026-11-22T08:00:00Z"),
        (datetime(2026, 11, 22, 8, 0, 1, 5000, tzinfo=UTC), "2026-11-22T08:00:01.005000Z"),
        (date(2026, 11, 22), "2026-11-22"),
        (["wifi_bound", "cpu_bound"], "wifi_bound; cpu_bound"),
        (("=1+1", 2), "'=1+1; 2"),
        ((), ""),
        ("=1+1", "'=1+1"),
        ("+84 912", "'+84 912"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("Hữu Lũng", "Hữu Lũng"),
    ],
)
def test_a_cell_is_for_machines_and_never_a_formula(value: object, text: str) -> None:
    assert cell(value) == text


def test_the_file_is_read_back_as_it_was_given() -> None:
    columns = [("site", ""), ("verdict", "Site"), ("name", "")]
    rows: list[list[object]] = [["th-1", "met", 'Trường "Hữu Lũng", cơ sở 2'], ["th-2", None, "hai\r\ndòng"]]
    made = answer("sites", columns, iter(rows), words=WORDS, demonstration=False, when="2026-10-01..2026-10-31")
    assert made.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert made.headers["Content-Disposition"] == 'attachment; filename="sites-2026-10-01_2026-10-31.csv"'
    assert isinstance(made.body, bytes)
    assert made.body.startswith(b"\xef\xbb\xbf"), "spreadsheets take it for another alphabet without it"
    assert made.body.count(b"\r\n") == 4
    found = list(csv.reader(io.StringIO(made.body.decode("utf-8-sig"), newline="")))
    assert found == [["site", WORDS.say("Site"), "name"], rows[0], ["th-2", "", "hai\r\ndòng"]]


def test_the_file_says_that_it_is_a_demonstration_and_of_when() -> None:
    made = answer('fle"et/..', [], [], words=WORDS, demonstration=True)
    disposition = made.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="demo-fle_et__-20')
    assert disposition.endswith('.csv"')
