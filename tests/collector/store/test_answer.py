"""A server's answer to a write: only the database's own word about points refuses them for good."""

import pytest

from collector.errors import StoreFull, StoreUnavailable
from collector.store.answer import Answer, outcome, patience

WHERE = "InfluxDB 1 at db:8086"
QUOTING = '{"error":"unable to parse \'m v=no space left; partial write: max-series-per-database limit exceeded\'"}'
"""An agent's text inside the error must not look like the server's own state."""


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (204, "", "stored"),
        (400, '{"error":"partial write: field type conflict: input field \\"v\\" dropped=1"}', "refused"),
        (400, '{"error":"unable to parse \'m v= 2\': missing field value"}', "refused"),
        (400, '{"code":"invalid","message":"unable to parse"}', "refused"),
        (422, '{"code":"unprocessable entity","message":"failure writing points to database"}', "refused"),
        (400, QUOTING, "refused"),
        (413, "Request Entity Too Large", "too_large"),
        (404, '{"error":"database not found: \\"x\\""}', "no_database"),
    ],
)
def test_outcomes(status: int, body: str, expected: str) -> None:
    assert outcome(Answer(status, body), WHERE) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>Sign in to the network</html>"),
        (302, ""),
        (400, "<html>The plain HTTP request was sent to HTTPS port</html>"),
        (400, '{"error":"database is required"}'),
        (400, "[1]"),
        (400, '{"error":7}'),
        (400, "[" * 100_000),
        (404, "<html>not found</html>"),
        (429, "slow down"),
        (500, '{"error":"timeout"}'),
        (500, '{"error":"engine: cache-max-memory-size exceeded: (1/1)"}'),
        (502, "bad gateway"),
        (503, ""),
        (0, ""),
    ],
)
def test_everything_unclear_is_tried_again(status: int, body: str) -> None:
    with pytest.raises(StoreUnavailable, match="InfluxDB 1 at db:8086") as caught:
        outcome(Answer(status, body), WHERE)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_door_names_what_to_check(status: int) -> None:
    with pytest.raises(StoreUnavailable, match=r"authorization failed.*check the store's user, password or token"):
        outcome(Answer(status, '{"error":"authorization failed"}'), WHERE)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"error":"engine: error writing WAL entry: write /data/wal: no space left on device"}'),
        (507, "Disk full"),
        (400, '{"error":"partial write: max-series-per-database limit exceeded: (5) dropped=20"}'),
        (400, '{"error":"partial write: max-values-per-tag limit exceeded (1/1): dropped=1"}'),
    ],
)
def test_no_room_is_said_as_such(status: int, body: str) -> None:
    with pytest.raises(StoreFull, match="the reports wait at the agents"):
        outcome(Answer(status, body), WHERE)


BEYOND = '{"error":"partial write: points beyond retention policy dropped=3"}'
CONFLICT = '{"error":"partial write: field type conflict: input field \\"v\\" is type string dropped=3"}'
FAKED = '{"error":"unable to parse \'m v=x dropped=3\': invalid number dropped=0"}'


@pytest.mark.parametrize(
    ("body", "lines", "expected"),
    [
        (BEYOND, 3, "all_refused"),
        (BEYOND, 4, "refused"),
        (CONFLICT, 3, "all_refused"),
        (CONFLICT, 50, "refused"),
        (FAKED, 3, "refused"),
    ],
)
def test_a_server_that_dropped_the_whole_piece_is_not_asked_line_by_line(body: str, lines: int, expected: str) -> None:
    assert outcome(Answer(400, body), WHERE, lines) == expected


def test_points_older_than_the_database_keeps_are_told_with_what_to_look_at() -> None:
    for prefix in ("", "failure writing points to database: "):
        said = Answer(400, BEYOND.replace("partial", f"{prefix}partial")).words
        assert "older than the database keeps, or its clock is wrong" in said


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("17", 17.0),
        (" 5 ", 5.0),
        ("-5", 0.0),
        ("99999999999999999999", 0.0),
        ("soon", 0.0),
        ("Sun, 22 Nov 2026 11:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 10:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2326 10:00:00 GMT", 31_622_400.0),
        ("Sun, 22 Nov 2026 11:00:30", 0.0),
        ("Sun, 99 Nov 2026 11:00:30 GMT", 0.0),
    ],
)
def test_a_server_may_say_when_to_come_back(retry_after: str | None, seconds: float) -> None:
    assert patience(retry_after, "Sun, 22 Nov 2026 11:00:00 GMT") == seconds
    with pytest.raises(StoreUnavailable) as caught:
        outcome(Answer(429, "slow down", seconds), WHERE)
    assert caught.value.retry_after_s == seconds


def test_a_missing_policy_says_how_it_is_made() -> None:
    with pytest.raises(StoreUnavailable, match="make it with: linkgauge-collector store init"):
        outcome(Answer(500, '{"error":"retention policy not found: raw"}'), WHERE)


def test_a_redirect_names_its_place() -> None:
    with pytest.raises(StoreUnavailable, match=r"points to https://db:8086/write instead.*store\.url"):
        outcome(Answer(307, "", location="https://db:8086/write"), WHERE)
    with pytest.raises(StoreUnavailable, match="points to elsewhere"):
        outcome(Answer(302, ""), WHERE)
