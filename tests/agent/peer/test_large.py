import pytest

from agent.peer.large import BYTES_MAX, page
from agent.peer.request import Request, RequestError


def asked(query: str, method: str = "GET") -> bytes:
    return page(Request(method, "/large", query, {}, "1.1"))


@pytest.mark.parametrize(("query", "size"), [("", 16_384), ("bytes=1", 1), ("bytes=65536", BYTES_MAX), ("a=1", 16_384)])
def test_as_much_as_was_asked_for(query: str, size: int) -> None:
    head, _, body = asked(query).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert f"Content-Length: {size}".encode() in head
    assert len(body) == size


def test_only_the_head() -> None:
    head, _, body = asked("bytes=3000", "HEAD").partition(b"\r\n\r\n")
    assert b"Content-Length: 3000" in head
    assert body == b""


@pytest.mark.parametrize(
    ("query", "method", "status"),
    [("bytes=0", "GET", 400), ("bytes=65537", "GET", 400), ("bytes=-1", "GET", 400), ("bytes=1e3", "GET", 400),
     ("bytes=٣", "GET", 400), (f"bytes={'9' * 5000}", "GET", 400), ("bytes=1", "POST", 405)],
)  # fmt: skip
def test_what_it_refuses(query: str, method: str, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        asked(query, method)
    assert refused.value.status == status
