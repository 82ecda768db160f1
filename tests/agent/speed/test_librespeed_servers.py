"""LibreSpeed's servers: found by name or by list, and named for what they are when they are none."""

import json

import pytest

from agent.errors import Failed
from agent.net.peer_url import parse
from agent.speed.engine import Leg, Wanted
from agent.speed.librespeed import ENGINE, find, run, targets
from agent.speed.limits import Limits
from tests.agent.speed.librespeed_server import Backend, answer, backend
from tests.agent.speed.other_servers import Behaviour, busy, login_page, redirect, reset_after_head
from tests.agent.speed.peers import Visit, peer

pytestmark = pytest.mark.usefixtures("no_socket_outlives")


def wanted(host: str, port: int, path: str) -> Wanted:
    return Wanted(parse(f"librespeed+http://{host}:{port}{path}"), "ipv4")


@pytest.mark.parametrize(
    ("folder", "suffix", "path"),
    [
        ("/", ".php", ""),
        ("/", "", "/"),
        ("/speed/", ".php", "/speed"),
        ("/a/backend/", ".php", "/a/"),
        ("/backend/", "", ""),
    ],
)
async def test_names_are_found_out(folder: str, suffix: str, path: str) -> None:
    async with backend(Backend(folder=folder, suffix=suffix)) as (host, port, _):
        (target,) = await find(wanted(host, port, path))
    assert target.paths == {"download": f"{folder}garbage{suffix}", "upload": f"{folder}empty{suffix}"}
    assert (target.host, target.port, target.secure) == (host, port, False)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (Backend(folder="/elsewhere/"), "handshake:protocol .*no LibreSpeed server under /"),
        (Backend(ping_body=b"broken"), "captive_portal"),
        (login_page, "captive_portal"),
        (redirect, "captive_portal"),
        (busy, "peer:busy"),
        (reset_after_head, "transfer:reset"),
    ],
)
async def test_what_is_no_server_is_named(behaviour: Behaviour, words: str) -> None:
    async with peer(behaviour) as (host, port, _):
        with pytest.raises(Failed, match=words):
            await find(wanted(host, port, ""))


def listing(entries: object) -> Behaviour:
    async def give(visit: Visit) -> None:
        await visit.request()
        body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        answer(visit, 200, "Content-Type: application/json\r\n", body)
        await visit.ignore(timeout_s=1)

    return give


@pytest.mark.parametrize("name", ["/servers.json", "/backend-servers/servers.php"])
async def test_a_list_is_read_and_its_dead_servers_left_out(name: str) -> None:
    down, good = Backend(ping_body=b"overloaded"), Backend(suffix="")
    async with backend(down) as (_, bad_port, _), backend(good) as (host, good_port, _):
        names = {"dlURL": "garbage", "ulURL": "empty", "pingURL": "empty"}
        entries = [
            {"id": 1, "name": "down", "server": f"http://{host}:{bad_port}/"},
            {"id": 2, "name": "gone", "server": f"http://{host}:1/", **names},
            {"id": 3, "name": "near\n", "server": f"//{host}:{good_port}", **names, "sponsorName": "x"},
        ]
        async with peer(listing(entries)) as (_, port, _):
            (target,) = await find(wanted(host, port, name))
        assert (target.name, target.port) == ("near", good_port)
        limits = Limits(seconds=1, max_bytes=200_000, streams=1)
        assert (await run(Leg("download", target, host, limits, "m"))).stop.word == "budget"


async def test_a_list_without_a_living_server_is_a_failure() -> None:
    async with peer(listing([{"name": "gone", "server": "http://127.0.0.1:1/"}])) as (host, port, _):
        with pytest.raises(Failed, match="connect:refused"):
            await find(wanted(host, port, "/s.json"))


async def test_an_endless_list_is_cut() -> None:
    async with peer(listing(b"[" + b" " * 3_000_000)) as (host, port, _):
        with pytest.raises(Failed, match="longer than"):
            await find(wanted(host, port, "/s.json"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<!DOCTYPE html><html>", "captive_portal"),
        (b"{}", "handshake:protocol"),
        (b"\xff", "handshake:protocol"),
        (b"[" * 50_000, "handshake:protocol"),
        (b"[]", "names no server"),
        (b'[{"server": "ftp://h/"}, {"server": "http://u:p@h/"}, {"server": "http://h:0/"}, 7]', "names no server"),
        (b'[{"server": "http://h/", "dlURL": "x\\r\\nEvil: 1"}, {"server": "http://h:99999/"}]', "names no server"),
    ],
)
def test_what_is_no_list_is_named(text: bytes, words: str) -> None:
    with pytest.raises(Failed, match=words):
        targets(text, secure=False)


def test_a_list_without_schemes_follows_the_one_it_came_by() -> None:
    text = json.dumps([{"server": "//h.example/x", "name": "X"}, {"server": "http://[2001:db8::1]:81"}]).encode()
    first, second = targets(text, secure=True)
    assert (first.host, first.port, first.secure, first.paths["download"]) == ("h.example", 443, True, "/x/garbage.php")
    assert (second.host, second.port, second.secure) == ("2001:db8::1", 81, False)


def test_the_row_of_the_table() -> None:
    assert (ENGINE.find, ENGINE.run, ENGINE.streams) == (find, run, 4)
