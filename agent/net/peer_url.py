"""The address of a measurement peer as people write it (contract, "Peer URLs")."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from agent.errors import UsageError

LENGTH: Final = 200
_DEFAULT: Final = "msak+wss"
_PORTS: Final[dict[str, int]] = {
    "msak+ws": 8080,
    "msak+wss": 4443,
    "ndt7+ws": 8080,
    "ndt7+wss": 4443,
    "librespeed+http": 80,
    "librespeed+https": 443,
    "iperf3": 5201,
    "stamp": 8862,
}
_SERVICES: Final = ("ookla", "mlab")
_KNOWN: Final = ", ".join([*_PORTS, *_SERVICES])


@dataclass(frozen=True, slots=True)
class PeerUrl:
    """A peer: scheme, host without brackets, port (0 where a service chooses it), and the URL as text.

    For `ookla` the host is the server's id, or empty; for `mlab` it is empty. `path` is only ever set for `librespeed`.
    """

    scheme: str
    host: str
    port: int
    text: str
    path: str = ""

    @property
    def engine(self) -> str:
        """The protocol: msak ndt7 stamp iperf3 librespeed ookla mlab."""
        return self.scheme.partition("+")[0]

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme.endswith(("+wss", "+https"))


def parse(text: str) -> PeerUrl:
    """Read a peer URL; a bare `H:P` is our own peer over TLS.

    Raises:
        UsageError: one plain line that says what is wrong.
    """
    text = text.strip()
    if not text or len(text) > LENGTH or not text.isascii() or any(c.isspace() for c in text):
        raise UsageError(f"peer {text[:60]!r}: expected a URL of at most {LENGTH} plain characters, or HOST:PORT")
    for service in _SERVICES:
        if text.lower().startswith(f"{service}:"):
            return _service(service, text)
    full = text if "://" in text else f"{_DEFAULT}://{text}"
    scheme, host, port, parts = _split(full)
    if scheme not in _PORTS:
        raise UsageError(f"peer {text!r}: unknown scheme {scheme!r}; known: {_KNOWN}")
    if not host:
        raise UsageError(f"peer {text!r}: no host name or address")
    _refuse_extras(text, scheme, parts)
    path = parts.path if scheme.startswith("librespeed") else ""
    return PeerUrl(scheme, host, port or _PORTS[scheme], full, path)


def _service(service: str, text: str) -> PeerUrl:
    rest = text[len(service) + 1 :].removeprefix("//")
    if rest and not (service == "ookla" and rest.isdigit()):
        raise UsageError(f"peer {text!r}: expected {service}:" + (" or ookla://ID" if service == "ookla" else ""))
    return PeerUrl(service, rest, 0, text)


def _split(text: str) -> tuple[str, str, int | None, SplitResult]:
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise UsageError(f"peer {text!r}: {error}; write HOST:PORT, an IPv6 address in brackets") from error
    if port == 0:
        raise UsageError(f"peer {text!r}: port 0 cannot be measured; ports are 1 to 65535")
    if ":" in host and "[" not in parts.netloc:
        raise UsageError(f"peer {text!r}: write an IPv6 address in brackets")
    return parts.scheme, host, port, parts


def _refuse_extras(text: str, scheme: str, parts: SplitResult) -> None:
    # The URL travels in every report and is shown to everyone, so it must not carry a secret.
    if "@" in parts.netloc:
        raise UsageError(f"peer {parts.hostname!r}: no user name or password may stand in a peer URL")
    if parts.query or parts.fragment or (parts.path not in {"", "/"} and not scheme.startswith("librespeed")):
        raise UsageError(f"peer {text!r}: nothing may follow the port")
