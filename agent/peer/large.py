"""A page of a size that the client names, so that it sees whether full-size packets reach it. Bounded, and cheap."""

from typing import Final
from urllib.parse import parse_qs

from agent.peer.request import Request, RequestError, answer

PATH: Final = "/large"
BYTES_MAX: Final = 65_536
_BYTES: Final = 16_384
_LINE: Final = "linkgauge large page for path MTU checks, nothing to see here..\n"


def page(request: Request) -> bytes:
    """Answer `GET /large?bytes=N` with a body of N bytes (1 to 65536, 16384 if not said); raises RequestError."""
    if request.method not in {"GET", "HEAD"}:
        raise RequestError(405, "only GET", {"Allow": "GET, HEAD"})
    size = _size(request.query)
    text = (_LINE * (size // len(_LINE) + 1))[:size]
    return answer(200, text, head=request.method == "HEAD")


def _size(query: str) -> int:
    asked = parse_qs(query).get("bytes", [str(_BYTES)])[-1]
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 6 and 1 <= int(asked) <= BYTES_MAX):  # noqa: PLR2004 - digits of the most
        raise RequestError(400, f"bytes must be from 1 to {BYTES_MAX}")
    return int(asked)
