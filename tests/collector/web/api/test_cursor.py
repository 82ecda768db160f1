"""Cursors: they survive what is added and what goes, and nobody's invention breaks a list."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from collector.web.api import cursor
from collector.web.api.asking import Wrong


class Key(NamedTuple):
    at: datetime
    id: str


NOW = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)


def forged(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_key_comes_back_as_it_was_given() -> None:
    key = Key(NOW, "sự cố=1")
    assert cursor.read("incidents", cursor.written("incidents", key), Key) == key
    assert cursor.read("incidents", None, Key) is None
    assert cursor.read("share", cursor.written("share", 1 / 3), float) == 1 / 3


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        "%%%%",
        "ữ",
        "A" * 5000,
        forged("incidents"),
        forged(["incidents"]),
        forged(["incidents", ["2026-11-22T08:00:00Z", 7]]),
        forged(["incidents", ["2026-11-22", "id"]]),
        forged(["incidents", None]),
        forged(["incidents", ["2026-11-22T08:00:00Z", "id", "more"]]),
        forged(["sites", ["2026-11-22T08:00:00Z", "id"]]),
        urlsafe_b64encode(b"[" * 600).decode(),
        urlsafe_b64encode(b'["incidents", ["2026-11-22T08:00:00Z", "\xff"]]').decode(),
    ],
)
def test_what_is_no_cursor_of_this_list_is_said(given: str) -> None:
    with pytest.raises(Wrong, match="cursor: this is no cursor of this list"):
        cursor.read("incidents", given, Key)


def test_pages_neither_repeat_nor_hide_what_others_add() -> None:
    known = {"b", "d", "f", "h"}
    seen: list[str] = []
    after = None
    for come, gone in (("ae", "b"), ("c", "d"), ("z", "")):
        left = (one for one in sorted(known) if after is None or one > after)
        items, following = cursor.page("letters", left, 2, lambda one: one)
        seen += items
        after = cursor.read("letters", following, str)
        known = known - set(gone) | set(come)
    assert seen == ["b", "d", "e", "f", "h"]
    assert after is None, "what came last was not there yet"
