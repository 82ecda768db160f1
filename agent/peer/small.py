"""The one byte that clients ask for beside a load, and the page that tells them where it is. Pure, bounded, cheap.

draft-ietf-ippm-responsiveness-09, section 7: the page is `/.well-known/nq`. We serve no large objects by HTTP, the load
being msak's or ndt7's, so its URLs for them are left out: a client that wants them sees that it cannot have them here.
"""

import re
from typing import Final

import msgspec

from agent.peer.request import Request, RequestError, answer

WELL_KNOWN: Final = "/.well-known/nq"
OBJECT: Final = "/responsiveness/small"
PATHS: Final = (WELL_KNOWN, OBJECT)
_HOST: Final = re.compile(r"[0-9A-Za-z.\-:\[\]_]{1,255}")


def page(request: Request, *, secure: bool) -> bytes:
    """Answer GET or HEAD of one of PATHS; raises RequestError."""
    if request.method not in {"GET", "HEAD"}:
        raise RequestError(405, "only GET", {"Allow": "GET, HEAD"})
    head = request.method == "HEAD"
    if request.path == OBJECT:
        return answer(200, "1", headers={"Content-Type": "application/octet-stream"}, head=head)
    host = request.headers.get("host", "")
    # It is written into what we say: only what a name, an address and a port are made of.
    if not _HOST.fullmatch(host):
        raise RequestError(400, "no usable Host")
    url = f"{'https' if secure else 'http'}://{host}{OBJECT}"
    said = msgspec.json.encode({"version": 1, "urls": {"small_download_url": url}}).decode()
    return answer(200, said, headers={"Content-Type": "application/json"}, head=head)
