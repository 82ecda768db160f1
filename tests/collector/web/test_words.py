"""Two languages, chosen predictably, complete, and in each one's own forms."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from collector.web.words import Language, Words, choose

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
WEB = Path(str(files("collector.web")))


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        (None, None, "", "vi"),
        (None, None, "en-US,en;q=0.9", "en"),
        (None, None, "fr-FR", "vi"),
        (None, "vi", "en", "vi"),
        ("en", "vi", "vi", "en"),
        ("<script>", None, "en", "en"),
    ],
)
def test_the_language_is_asked_for_then_remembered_then_the_browsers(
    asked: str | None, remembered: str | None, accepted: str, language: Language
) -> None:
    assert choose(asked, remembered, accepted) == language


def test_every_message_of_the_templates_is_translated() -> None:
    used = {
        message
        for template in (WEB / "templates").iterdir()
        for message in re.findall(r"""_\(\s*["']([^"']+)["']\s*[,)]""", template.read_text("utf-8"))
    }
    with (WEB / "locale" / "vi.po").open("rb") as source:
        known = {str(message.id) for message in read_po(source) if message.string}
    assert used <= known


def test_numbers_times_and_ages_take_the_languages_form() -> None:
    vi, en = Words("vi", ZONE), Words("en", ZONE)
    assert (vi.number(1234.56), en.number(1234.56)) == ("1.234,6", "1,234.6")
    assert en.number(None) == "\N{EN DASH}"
    assert vi.time(NOW) == "22/11/2026 15:00"
    assert (vi.age(NOW - timedelta(minutes=2), NOW), en.age(NOW - timedelta(minutes=2), NOW)) == (
        "2 phút trước",
        "2 minutes ago",
    )
    assert en.age(NOW + timedelta(seconds=3), NOW) == "just now"
    assert vi.listing(["wifi_bound", "a_word_of_tomorrow"]) == "giới hạn Wi-Fi, a_word_of_tomorrow"
