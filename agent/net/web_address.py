"""Web addresses as people and servers write them: what may be asked for, and where a redirect may lead. Pure."""

import ipaddress
import string
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from agent.errors import Failed
from agent.wire.failure import Reason, Stage

REDIRECTS: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}
_LENGTH: Final = 4096


def parse(url: str) -> SplitResult:
    """Read an http or https address.

    Raises:
        Failed: `handshake:protocol`, with what it was instead.
    """
    wrong = Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"not a web address: {url[:100]!r}")
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > _LENGTH:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise wrong
    return parts


def port_of(parts: SplitResult) -> int:
    """The TCP port of an address that `parse` gave."""
    return parts.port or _PORTS[parts.scheme]


def redirected(url: str, location: str) -> str:
    """Give the whole address that a server sent us to, without a fragment, letters beyond ASCII percent-encoded.

    Raises:
        Failed: `handshake:protocol` for no address at all, or one that is not of the web (file:, javascript:, intent:).
    """
    plain = quote(location.strip().encode("latin-1", "replace"), safe=string.punctuation)
    if not plain:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, "sent on, to nowhere")
    try:
        return parse(urljoin(url, plain).partition("#")[0]).geturl()
    except (Failed, ValueError) as error:
        raise Failed(Stage.HANDSHAKE, Reason.PROTOCOL, f"sent on to {plain[:100]!r}, no web address") from error


def reach_of(address: str) -> int:
    """Say how far an address reaches: 0 this device, 1 this network, 2 the world."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.is_loopback or found.is_unspecified:
        return 0
    return 2 if found.is_global else 1


def refuse_inward(first: str, address: str, *, secure: bool) -> None:
    """Refuse a redirect from the world into this network, or onto this device: that is how devices there are attacked.

    `secure`: the redirect came over TLS.

    Raises:
        Failed: `handshake:captive_portal` over plain HTTP, where whoever stands in the way can send us anywhere; else
            `handshake:protocol`.
    """
    if reach_of(address) < reach_of(first):
        reason = Reason.PROTOCOL if secure else Reason.CAPTIVE_PORTAL
        raise Failed(Stage.HANDSHAKE, reason, f"sent on to {address}, an address inside this network")
