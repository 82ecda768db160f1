"""One DNS question to one server over UDP, without the system's resolver in between, so that each can be blamed."""

import asyncio
import ipaddress
import socket
from pathlib import Path
from typing import Any, Final, Literal

from agent.errors import Failed
from agent.net.failures import failed
from agent.wire.failure import Reason, Stage

RecordKind = Literal["A", "AAAA"]

RESOLV_CONF: Final = Path("/etc/resolv.conf")
# Where systemd-resolved names the real servers behind its stub on loopback.
UPSTREAM_CONF: Final = Path("/run/systemd/resolve/resolv.conf")
_SERVERS_MAX: Final = 3  # MAXNS: the C library asks no more either


def configured(path: Path = RESOLV_CONF, *, upstream: Path = UPSTREAM_CONF) -> list[str]:
    """List the addresses of the configured resolvers; those behind a local stub, if it names them. Empty if none."""
    servers = _servers(path)
    if servers and all(_is_loopback(server) for server in servers):
        return _servers(upstream) or servers
    return servers


async def query(server: str, name: str, kind: RecordKind, *, timeout_s: float, port: int = 53) -> list[str]:
    """Ask `server` for the addresses of `name`; never empty.

    Raises:
        Failed: stage `resolve`: nxdomain, nodata, servfail, refused, timeout, protocol, or why nothing could be sent.
    """
    from dns import exception, message

    try:
        question = message.make_query(name, kind, use_edns=0)
    except (exception.DNSException, ValueError) as error:
        raise Failed(Stage.RESOLVE, Reason.PROTOCOL, f"{name} is not a DNS name: {error}") from error
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _exchange(server, port, question)
    except OSError as error:
        raise failed(Stage.RESOLVE, error) from error
    return _addresses(answer, name, kind)


async def _exchange(server: str, port: int, question: Any) -> Any:  # noqa: ANN401 - dnspython is imported when used
    from dns import exception, message

    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    # Connected, so that "port unreachable" comes back as an error instead of silence, and strangers are not heard.
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        await loop.sock_connect(sock, (server, port))
        await loop.sock_sendall(sock, question.to_wire())
        while True:
            payload = await loop.sock_recv(sock, 65535)
            try:
                answer = message.from_wire(payload)
            except exception.DNSException:
                continue
            if question.is_response(answer):
                return answer


def _addresses(answer: Any, name: str, kind: RecordKind) -> list[str]:  # noqa: ANN401 - dnspython is imported when used
    from dns import rcode, rdatatype

    code = answer.rcode()
    if code != rcode.NOERROR:
        raise Failed(Stage.RESOLVE, _reason(rcode.to_text(code)), f"{name} {kind}: {rcode.to_text(code)}")
    wanted = rdatatype.from_text(kind)
    found = [record.address for group in answer.answer if group.rdtype == wanted for record in group]
    if not found:
        raise Failed(Stage.RESOLVE, Reason.NODATA, f"{name} has no {kind} record")
    return found


def _reason(code: str) -> Reason:
    return {"NXDOMAIN": Reason.NXDOMAIN, "SERVFAIL": Reason.SERVFAIL, "REFUSED": Reason.REFUSED}.get(
        code, Reason.PROTOCOL
    )


def _servers(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver" and _is_address(word[1])]
    return list(dict.fromkeys(named))[:_SERVERS_MAX]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return ipaddress.ip_address(text).is_loopback
