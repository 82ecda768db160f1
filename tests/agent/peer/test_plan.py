"""The rules of the query, one by one."""

import base64
import json
from itertools import pairwise

import pytest

from agent.peer.plan import BadQueryError, Direction, Plan, Protocol, next_size, plan_of

MSAK = "mid=m1&streams=2"


def token(**claims: str) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_msak_defaults_are_five_seconds_and_no_limit() -> None:
    assert plan_of("msak", "download", MSAK) == Plan("msak", "download", 5.0, test="m1")


def test_msak_reads_every_option_of_the_reference_client() -> None:
    query = f"{MSAK}&duration=10000&delay=0&cc=cubic&bytes=25000000&client_name=x&client_os=linux"
    assert plan_of("msak", "upload", query) == Plan("msak", "upload", 10.0, "m1", 25_000_000, "cubic")


@pytest.mark.parametrize("query", [f"{MSAK}&cc=&bytes=0&duration=", f"{MSAK}&cc="])
def test_msak_takes_empty_options_as_absent_because_the_reference_client_sends_them(query: str) -> None:
    assert plan_of("msak", "download", query) == Plan("msak", "download", 5.0, test="m1")


def test_the_id_in_an_access_token_goes_before_mid() -> None:
    assert plan_of("msak", "download", f"{MSAK}&access_token={token(jti='t1')}").test == "t1"
    assert plan_of("msak", "download", f"streams=1&access_token={token(jti='t1')}").test == "t1"


@pytest.mark.parametrize(
    "text", ["nonsense", "a.b.c", "a.!!!.c", token(sub="nobody"), "e30.W10.x", f"a.{'W1tb' * 1500}.c"]
)
def test_a_token_without_an_id_falls_back_to_mid(text: str) -> None:
    assert plan_of("msak", "download", f"{MSAK}&access_token={text}").test == "m1"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("streams=1", "mid"),
        ("mid=&streams=1", "mid"),
        (f"mid={'m' * 513}&streams=1", "mid"),
        ("mid=m1", "streams"),
        ("mid=m1&streams=", "streams"),
        (f"{MSAK}&duration=5s", "duration"),
        (f"{MSAK}&duration=-1", "duration"),
        (f"{MSAK}&duration=%D9%A3", "duration"),
        (f"{MSAK}&duration={'9' * 400}", "duration"),
        (f"{MSAK}&bytes=1e6", "bytes"),
        (f"{MSAK}&cc=vegas", "cc"),
        (f"{MSAK}&mid=m2", "duplicate"),
        (f"{MSAK}&x=1&x=1", "duplicate"),
        (f"{MSAK}&{'k' * 51}=v", "metadata"),
        (f"{MSAK}&k={'v' * 513}", "metadata"),
        ("&".join(f"k{n}=v" for n in range(65)), "too many"),
    ],
)
def test_msak_refuses(query: str, words: str) -> None:
    with pytest.raises(BadQueryError, match=words):
        plan_of("msak", "download", query)


def test_ndt7_runs_ten_seconds_and_keeps_no_test_id() -> None:
    query = "client_arch=amd64&client_library_name=ndt7-client-go&client_name=x&client_os=linux"
    assert plan_of("ndt7", "upload", query) == Plan("ndt7", "upload", 10.0)
    assert plan_of("ndt7", "download", "") == Plan("ndt7", "download", 10.0)


@pytest.mark.parametrize(("direction", "limit"), [("download", 250_000_000), ("upload", None)])
def test_ndt7_early_exit_stops_downloads_only(direction: Direction, limit: int | None) -> None:
    assert plan_of("ndt7", direction, "early_exit=250").byte_limit == limit


@pytest.mark.parametrize("query", ["early_exit=100", "early_exit=0250", "a=1&a=2", "a=", "a", f"a={'v' * 4096}"])
def test_ndt7_refuses(query: str) -> None:
    with pytest.raises(BadQueryError):
        plan_of("ndt7", "download", query)


@pytest.mark.parametrize(("protocol", "first"), [("msak", 1 << 10), ("ndt7", 1 << 13)])
def test_messages_double_at_a_sixteenth_of_what_was_sent(protocol: Protocol, first: int) -> None:
    size, sent, sizes = first, 0, []
    while size < 1 << 20:
        sizes.append(size)
        sent += size
        size = next_size(size, sent)
    assert sizes[:17] == [first] * 16 + [2 * first], protocol
    assert all(later in {earlier, 2 * earlier} for earlier, later in pairwise(sizes))
    assert next_size(1 << 20, 1 << 40) == 1 << 20
