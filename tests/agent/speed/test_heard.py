"""What a peer says, and what of it can be true."""

import msgspec
import pytest

from agent.speed import msak, ndt7
from agent.speed.dialect import Dialect
from agent.speed.heard import MAX_MESSAGES, OVERHEAD_BYTES, Heard
from agent.speed.timeline import Reading


def heard(dialect: Dialect = msak.DIALECT, *, before: int | None = 300) -> Heard:
    return Heard(dialect, opened_s=10.0, before=before)


def text(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


def test_the_kernels_count_goes_before_the_programs_and_without_the_handshake() -> None:
    one = heard()
    said = {"ElapsedTime": 250_000, "Application": {"BytesReceived": 1000}}
    one.hear(2000, 10.3, text(**said, TCPInfo={"BytesReceived": 1900}))
    assert (one.readings, one.by_kernel) == ([Reading(10.3, 0.25, 1600)], True)
    one.hear(4000, 10.6, text(**said | {"ElapsedTime": 500_000}))
    assert (one.readings[-1], one.by_kernel) == (Reading(10.6, 0.5, 1000), False)


def test_before_the_stream_is_open_nothing_has_been_received() -> None:
    one = Heard(msak.DIALECT)
    one.hear(0, 10.0, text(CC="bbr", ElapsedTime=1, TCPInfo={"BytesReceived": 300, "RTT": 7}))
    assert (one.readings, one.refused, one.congestion) == ([], 0, "bbr")
    assert one.rtts_us == [(10.0, 7)]


@pytest.mark.parametrize("received", [10**15, 2 * OVERHEAD_BYTES + 1000, -OVERHEAD_BYTES])
def test_what_cannot_be_is_refused(received: int) -> None:
    one = heard()
    one.hear(1000, 10.3, text(ElapsedTime=1000, TCPInfo={"BytesReceived": received}))
    assert (one.readings, one.refused) == ([], 1)


@pytest.mark.parametrize("received", [-1_000_000, 1001])
def test_a_program_counts_no_more_than_was_sent(received: int) -> None:
    one = heard(before=None)
    one.hear(1000, 10.3, text(ElapsedTime=1000, Application={"BytesReceived": received}))
    assert (one.readings, one.refused) == ([], 1)


def test_a_box_on_the_way_may_have_shortened_the_handshake() -> None:
    one = heard()
    one.hear(1000, 10.3, text(ElapsedTime=1000, TCPInfo={"BytesReceived": 200}))
    assert one.readings == [Reading(10.3, 0.001, 0)]


def test_a_message_without_a_time_has_ours_and_one_at_zero_says_nothing() -> None:
    one = heard(ndt7.DIALECT, before=None)
    one.hear(1000, 10.3, text(AppInfo={"NumBytes": 500}))
    assert one.readings == [Reading(10.3, 10.3 - 10.0, 500)]
    one.hear(1000, 10.4, text(AppInfo={"NumBytes": 500, "ElapsedTime": 0}))
    one.hear(1000, 10.4, text(AppInfo={"ElapsedTime": 5}))
    assert (len(one.readings), one.refused) == (1, 0)


def test_a_talker_is_not_kept_for_ever() -> None:
    one = heard()
    for number in range(MAX_MESSAGES + 100):
        one.hear(10**9, 10.0 + number, text(ElapsedTime=number + 1, TCPInfo={"BytesReceived": 300, "RTT": 1}))
    assert len(one.readings) == len(one.rtts_us) == MAX_MESSAGES
    one.hear(1, 1.0, b"no message")
    assert len(one.readings) == MAX_MESSAGES


def test_the_last_word_about_the_peer_stands() -> None:
    one = heard()
    one.hear(1, 10.1, text(Peer={"Tests": 1}, TCPInfo={"AppLimited": 1, "RTT": 0}))
    one.hear(1, 10.2, text(Peer={"Tests": 2}, TCPInfo={"AppLimited": 0}))
    assert one.load is not None
    assert (one.load.tests, one.app_limited, one.rtts_us) == (2, 1, [])


DEEP = b'{"Junk":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
HUGE = b"1" + b"0" * 400


@pytest.mark.parametrize("dialect", [msak.DIALECT, ndt7.DIALECT], ids=["msak", "ndt7"])
@pytest.mark.parametrize(
    "payload",
    [
        DEEP,
        b'{"ElapsedTime":%b,"AppInfo":{"ElapsedTime":%b}}' % (HUGE, HUGE),
        b'{"TCPInfo":{"ElapsedTime":%b}}' % HUGE,
        b'{"TCPInfo":{"RTT":%b}}' % HUGE,
        b'{"TCPInfo":{"BytesSent":-5}}',
        b'{"CC":"%b","TCPInfo":{"RTT":-1}}' % (b"b" * 60_000),
        b'{"Peer":{"Tests":%b,"MaxTests":1},"TCPInfo":{"RTT":-1}}' % HUGE,
    ],
)
def test_what_no_machine_can_mean_is_not_a_message(dialect: Dialect, payload: bytes) -> None:
    one = heard(dialect)
    one.hear(10**9, 10.3, payload)
    assert (one.readings, one.rtts_us, one.kernel, one.congestion, one.load) == ([], [], None, None, None)


def test_a_clock_that_runs_far_ahead_does_not_place_a_reading() -> None:
    """It would put the stream's beginning years back, and every 50 ms since then would be a sample."""
    one = heard()
    one.hear(4000, 10.3, text(ElapsedTime=10**15, Application={"BytesReceived": 1000}))
    assert (one.readings, one.refused) == ([], 1)
    one.hear(4000, 10.6, text(ElapsedTime=900_000, Application={"BytesReceived": 1000}))
    assert one.readings == [Reading(10.6, 0.9, 1000)]
