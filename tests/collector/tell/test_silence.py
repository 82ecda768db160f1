"""Silences' conditions as Alertmanager means them, and answers that are not quite right."""

import msgspec
import pytest

from collector.tell.silence import Matcher, read_silences, silence_on

LABELS = {"site": "s1", "commune": "Hữu Lũng", "severity": "warning", "odd": "a" * 200}


@pytest.mark.parametrize(
    ("name", "value", "is_regex", "is_equal", "holds"),
    [
        ("site", "s1", False, True, True),
        ("site", "s", False, True, False),
        ("site", "s2", False, False, True),
        ("site", "s", True, True, False),  # the whole value
        ("site", "s.", True, True, True),
        ("site", "s1|s2", True, True, True),
        ("site", "s1|s2", True, False, False),
        ("commune", "Hữu.*", True, True, True),
        ("province", "", False, True, True),  # a label that is not there is empty
        ("province", ".+", True, False, True),
        ("site", "(", True, True, False),
        ("site", "(", True, False, False),  # what cannot be read silences nothing
        ("site", "(a+)+$" * 500, True, True, False),
        ("commune", "(?i)hữu lũng", True, True, True),
        ("commune", "(?i)HỮU.*", True, True, True),
        ("commune", r"H\w+ .*", True, True, False),  # RE2's letters are ASCII's
        ("site", r"s\d", True, True, True),
        ("commune", "[[:alpha:]]+", True, False, False),  # means something else in Python
        ("commune", "Hữu|Hữu Lũng", True, True, True),
        ("odd", "(.*)*x", True, True, False),  # would take for ever
        ("odd", ".*.*.*.*.*.*.*.*x", True, True, False),
    ],
)
def test_conditions(name: str, value: str, is_regex: bool, is_equal: bool, holds: bool) -> None:  # noqa: FBT001 - a table
    assert Matcher(name=name, value=value, is_regex=is_regex, is_equal=is_equal).matches(LABELS) == holds


def test_all_conditions_of_an_active_silence_must_hold() -> None:
    site = {"name": "site", "value": "s1", "isRegex": False, "isEqual": True}
    other = {"name": "severity", "value": "critical", "isRegex": False}
    given = [
        {"id": "a", "status": {"state": "expired"}, "matchers": [site]},
        {"id": "b", "status": {"state": "active"}, "matchers": [site, other]},
        {"id": "c", "status": {"state": "active"}, "matchers": []},
        "nonsense",
        {"id": "d", "status": {"state": "active"}, "matchers": [site], "more": 1},
    ]
    silences = read_silences(msgspec.json.encode(given))
    assert silence_on(LABELS, silences) == "d"
    assert silence_on(LABELS | {"site": "s2"}, silences) is None


@pytest.mark.parametrize("answer", [b"", b"{}", b"<html>", b"\xff"])
def test_what_is_no_list_is_said(answer: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_silences(answer)
