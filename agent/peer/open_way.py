"""The page that answers nothing: who gets its 204 over plain HTTP knows that no captive portal is in the way. Pure."""

from typing import Final

from agent.peer.request import Request, RequestError

PATH: Final = "/generate_204"
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"


def page(request: Request) -> bytes:
    """Answer GET or HEAD; a 204 has no body and may not name its length. Raises RequestError."""
    if request.method not in {"GET", "HEAD"}:
        raise RequestError(405, "only GET", {"Allow": "GET, HEAD"})
    return _ANSWER
