"""Fields from wire types: names, types, and what has no place in a series."""

from datetime import date, datetime

import msgspec

from agent.wire.failure import Failure
from collector.store.shape import TABLE_KEYS, columns_of, fields_of


class Part(msgspec.Struct, omit_defaults=True):
    ms: float | None = None
    stop: str | None = None
    failure: Failure | None = None


class Message(msgspec.Struct, omit_defaults=True):
    count: int
    ratio: float | None = None
    word: str | None = None
    flag: bool | None = None
    part: Part | None = None
    renamed_: str | None = msgspec.field(default=None, name="renamed")
    numbers: list[float] | None = None
    day: date | None = None
    at: datetime | None = None
    mixed: int | str | None = None
    table: dict[str, int] | None = None
    parts: dict[str, Part] | None = None
    times: dict[str, datetime] | None = None


def test_every_form_has_its_name_and_type() -> None:
    message = Message(3, 0.5, "w", flag=False, part=Part(1, "s"), renamed_="r", table={"b": 2}, parts={"c": Part(4)})
    fields = fields_of(message)
    assert fields == {
        "count": 3.0,
        "ratio": 0.5,
        "word": "w",
        "flag": False,
        "part_ms": 1.0,
        "part_stop": "s",
        "renamed": "r",
        "table_b": 2.0,
        "parts_c_ms": 4.0,
    }
    assert {name: type(value) for name, value in fields.items()}["count"] is float
    assert columns_of(Message) == {
        "count": float,
        "ratio": float,
        "word": str,
        "flag": bool,
        "part_ms": float,
        "part_stop": str,
        "part_failure": str,
        "renamed": str,
    }


def test_lists_dates_times_and_mixtures_are_no_fields() -> None:
    now = datetime(2026, 11, 22)  # noqa: DTZ001 - never looked at
    message = Message(1, numbers=[1.0], day=now.date(), at=now, mixed=1, times={"a": now})
    assert fields_of(message) == {"count": 1.0}


def test_a_failed_part_keeps_its_words_and_loses_its_numbers() -> None:
    assert fields_of(Message(1, part=Part(5.0, "error", Failure("tls", "timeout")))) == {
        "count": 1.0,
        "part_stop": "error",
        "part_failure": "tls:timeout",
    }


def test_what_is_skipped_is_skipped_at_the_top_only() -> None:
    assert fields_of(Message(1, word="w", part=Part(stop="s")), frozenset({"word", "stop"})) == {
        "count": 1.0,
        "part_stop": "s",
    }


def test_a_table_is_bounded_and_its_names_are_plain() -> None:
    table = {f"k{number}": number for number in range(500)} | {"Ü": 1, "a b": 1, "": 1, "9": 1}
    fields = fields_of(Message(1, table=table))
    assert len(fields) == TABLE_KEYS + 1
    assert all(name.isascii() and name.isidentifier() for name in fields)
