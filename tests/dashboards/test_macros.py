"""The expander against what Grafana is documented to do; and a variable chain as it narrows down."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboards.macros import ALL, View, expand, interval

START, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
VIEW = View(
    START,
    END,
    {
        "plan": [ALL],
        "commune": [ALL],
        "kind": ["school", "clinic"],
        "provider": ["VNPT (1/2)"],
        "site": "s-1",
        "raw": "",
    },
    {"plan": ["a", "b"], "commune": ["huu-lung", "x.y"]},
    {"plan": ".*"},
)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("/^${plan:regex}$/", "/^.*$/"),
        ("/^${commune:regex}$/", r"/^(huu-lung|x\.y)$/"),
        ("/^${kind:regex}$/", "/^(school|clinic)$/"),
        ("/^${provider:regex}$/", r"/^VNPT \(1\/2\)$/"),
        ("'${site}' '$site'", "'s-1' 's-1'"),
        ('${raw:raw}"throughput"', '"throughput"'),
        ("$tag_site $nothing ${nothing:regex}", "$tag_site $nothing ${nothing:regex}"),
        ("${__from} $__to", "1795305600000 1795392000000"),
        ("$timeFilter", "time >= 1795305600000ms and time <= 1795392000000ms"),
        ("time($__interval) $__interval_ms $interval", "time(6h) 21600000 6h"),
    ],
)
def test_a_query_is_sent_as_grafana_sends_it(query: str, sent: str) -> None:
    assert expand(query, VIEW, step=timedelta(hours=6)) == sent


def test_an_annotation_has_one_time_filter() -> None:
    assert expand("$timeFilter $timeFilter", VIEW, once=True).endswith(" $timeFilter")


def test_several_values_without_a_format_are_a_mistake() -> None:
    with pytest.raises(TypeError, match="kind"):
        expand("'${kind}'", VIEW)


def test_steps_are_written_in_the_largest_unit() -> None:
    assert [interval(timedelta(seconds=s)) for s in (7, 60, 5400, 7200, 86_400, 1_209_600)] == [
        "7s", "1m", "90m", "2h", "1d", "2w",
    ]  # fmt: skip
