"""Questions in InfluxQL: nothing in a name or a value can change them."""

import pytest

from collector.store import influxql
from collector.store.store import Row, Summary

WINDOW = (5, 9)


def test_questions_are_as_written() -> None:
    assert influxql.samples("throughput", "a", WINDOW, None) == (
        """SELECT * FROM "throughput" WHERE "site" = 'a' AND time >= 5 AND time < 9 GROUP BY *"""
    )
    assert influxql.samples("throughput", "a", WINDOW, 3).endswith(" GROUP BY * ORDER BY time DESC LIMIT 3")
    assert influxql.recent("latency", 5, 2) == (
        'SELECT * FROM "latency" WHERE time >= 5 AND time < 9223372036854775806 GROUP BY * ORDER BY time DESC LIMIT 2'
    )
    assert influxql.summary("throughput", "upload_mbps", WINDOW) == (
        'SELECT median("upload_mbps") AS median, count("upload_mbps") AS n FROM "throughput"'
        ' WHERE "upload_conclusive" = true AND time >= 5 AND time < 9 GROUP BY "site"'
    )


@pytest.mark.parametrize("evil", ["a' OR 1=1 --", "a\\", "a\\'", 'x"; DROP DATABASE y', "new\nline"])
def test_values_and_names_cannot_leave_their_quotes(evil: str) -> None:
    for quoted, quote in ((influxql.string(evil), "'"), (influxql.name(evil), '"')):
        inside = quoted[1:-1].replace("\\\\", "").replace(f"\\{quote}", "")
        assert quote not in inside
        assert "\n" not in quoted
        assert not inside.endswith("\\")


@pytest.mark.parametrize(
    ("window", "written"),
    [((-5, 9), "time >= 0 AND time < 9"), ((0, 2**70), "time >= 0 AND time < 9223372036854775806")],
)
def test_windows_stay_within_what_influxql_knows(window: tuple[int, int], written: str) -> None:
    assert written in influxql.samples("m", "a", window, None)


def test_rows_of_several_series_are_one_run_of_time() -> None:
    def series(family: str, *times: int) -> influxql.Series:
        return {
            "name": "m",
            "tags": {"site": "a", "family": family, "engine": ""},
            "columns": ["time", "v", "ok", "gone"],
            "values": [[time, 7, True, None] for time in times],
        }

    assert influxql.rows([series("ipv4", 3, 1), series("ipv6", 2)]) == [
        Row(1, {"site": "a", "family": "ipv4"}, {"v": 7.0, "ok": True}),
        Row(2, {"site": "a", "family": "ipv6"}, {"v": 7.0, "ok": True}),
        Row(3, {"site": "a", "family": "ipv4"}, {"v": 7.0, "ok": True}),
    ]


def test_summaries_without_a_site_or_a_value_are_left_out() -> None:
    def series(site: str, median: float | None, n: int) -> influxql.Series:
        return {"tags": {"site": site}, "columns": ["time", "median", "n"], "values": [[0, median, n]]}

    found = influxql.summaries([series("a", 5, 3), series("", 7, 2), series("b", None, 0)])
    assert found == {"a": Summary(3, 5.0)}
