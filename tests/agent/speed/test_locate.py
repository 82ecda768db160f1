"""What the locate service's answers mean."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Failed
from agent.speed.engine import Target
from agent.speed.locate import question, servers

HOST = "ndt-mlab1-han01.example.org"


def urls(scheme: str = "wss", host: str = HOST, query: str = "access_token=e.y.j&index=0") -> dict[str, str]:
    return {f"{scheme}:///ndt/v7/{way}": f"{scheme}://{host}/ndt/v7/{way}?{query}" for way in ("download", "upload")}


def answer(*offers: object, **more: object) -> bytes:
    return msgspec.json.encode({"results": offers, **more})


def test_the_question() -> None:
    assert question("http://127.0.0.1:1/", {"client_name": "a b"}) == (
        "http://127.0.0.1:1/v2/nearest/ndt/ndt7?client_name=a+b"
    )


def test_servers_in_order_with_their_names_and_paths() -> None:
    offers = [
        {
            "machine": "mlab1-han01.example.org",
            "hostname": HOST,
            "urls": urls() | urls("ws"),
            "location": {"city": "x"},
        },
        {"machine": "mlab2-han01.example.org", "urls": urls(host="h2:4443")},
        {"urls": urls("ws", host="h3")},
    ]
    first, second, third = servers(200, answer(*offers, next_request={"url": "later"}))
    query = "?access_token=e.y.j&index=0"
    paths = {"download": f"/ndt/v7/download{query}", "upload": f"/ndt/v7/upload{query}"}
    assert first == Target(HOST, 443, secure=True, name=HOST, paths=paths)
    assert second == Target("h2", 4443, secure=True, name="mlab2-han01.example.org", paths=paths)
    assert third == Target("h3", 80, secure=False, name="h3", paths=paths)
    assert len(servers(200, answer(*[{"urls": urls()}] * 9))) == 4
    (named,) = servers(200, answer({"hostname": "x" * 100_000, "urls": urls()}))
    assert named.name == "x" * 100, "a report has room for no more"


@pytest.mark.parametrize(
    "offer",
    [
        {},
        {"urls": {}},
        {"urls": {"wss:///ndt/v7/download": "wss://h/ndt/v7/download"}},
        {"urls": urls(host="")},
        {"urls": urls(host="h:0")},
        {"urls": urls(host="h:99999")},
        {"urls": urls(query="a b")},
        {"urls": urls(query="a\r\nX: y")},
        {"urls": urls(query="ệ")},
        {"urls": urls(query="x" * 5000)},
        {"urls": urls() | {"wss:///ndt/v7/upload": "wss://other/ndt/v7/upload"}},
        {"urls": urls() | {"wss:///ndt/v7/upload": f"ws://{HOST}/ndt/v7/upload"}},
        {"urls": urls() | {"wss:///ndt/v7/upload": f"wss://{HOST}"}},
    ],
)
def test_offers_that_cannot_be_used_are_passed_over(offer: dict[str, object]) -> None:
    assert [one.host for one in servers(200, answer(offer, {"urls": urls(host="good")}))] == ["good"]
    with pytest.raises(Failed) as caught:
        servers(200, answer(offer))
    assert str(caught.value.failure) == "peer:protocol"


@pytest.mark.parametrize(
    ("status", "body", "failure", "words"),
    [
        (429, b"", "peer:busy", "too often"),
        (429, b'{"error":{"title":"Slow down","detail":"40 an hour","status":429}}', "peer:busy", "Slow down: 40"),
        (204, b"", "peer:busy", "no capacity"),
        (503, b"", "peer:busy", "where this address is"),
        (500, b"<html>", "peer:busy", "no server"),
        (400, b'{"error":{"title":"Bad"}}', "peer:protocol", "Bad"),
        (404, b"", "peer:protocol", "HTTP 404"),
        (200, b"", "peer:protocol", "cannot be read"),
        (200, b"[]", "peer:protocol", "cannot be read"),
        (200, b"{}", "peer:busy", "no server"),
        (200, b'{"results":null,"error":{"title":"Empty"}}', "peer:busy", "Empty"),
        (200, b'{"results":[]}', "peer:busy", "no server"),
    ],
)
def test_refusals_have_their_names(status: int, body: bytes, failure: str, words: str) -> None:
    with pytest.raises(Failed, match=words) as caught:
        servers(status, body)
    assert str(caught.value.failure) == failure


@given(st.binary(max_size=300))
def test_any_bytes_are_servers_or_a_refusal(body: bytes) -> None:
    with pytest.raises(Failed):
        servers(200, body)
