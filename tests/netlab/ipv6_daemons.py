"""The daemons of a provider with IPv6, from Debian: dnsmasq, unbound (DNS64) and tayga (NAT64).

Each runs in the foreground in its namespace, with its files in a folder, until its block ends. One that does not come
up is a RuntimeError with what it said. The site's own router runs radvd: ipv6_announcement.py.
"""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from dns import exception, flags, message, query, rcode

from tests.netlab import namespace
from tests.netlab.ipv6_plan import DNS64, NAT64, RESOLVER, ZONE
from tests.netlab.namespace import Namespace

DEADLINE_S: Final = 15.0
POOL: Final = "192.168.255.0/24"
TRANSLATOR: Final = {"ipv4": "192.168.255.1", "ipv6": "2001:db8:64::1"}


@contextlib.contextmanager
def resolving(isp: Namespace, folder: Path) -> Iterator[None]:
    """Run dnsmasq as the provider's resolver, with the names in ZONE; of others it knows that they do not exist."""
    records = "".join(f"host-record={name},{address}\n" for name, addresses in ZONE.items() for address in addresses)
    text = (
        "port=53\nno-resolv\nno-hosts\nuser=root\npid-file=\nbind-interfaces\nexcept-interface=lo\n"
        f"listen-address={RESOLVER['ipv4']}\nlisten-address={RESOLVER['ipv6']}\nlocal-ttl=60\naddress=/#/\n{records}"
    )
    with running(isp, folder, ["dnsmasq", "-k"], text) as process:
        for address in RESOLVER.values():
            wait_for(partial(_settled, process, isp, address), "dnsmasq")
        alive(process, folder, "dnsmasq")
        yield


@contextlib.contextmanager
def translating(isp: Namespace, folder: Path) -> Iterator[None]:
    """Run unbound as a DNS64 resolver (at DNS64, over IPv6) and tayga as the NAT64 of the well-known prefix."""
    with _translator(isp, folder), running(isp, folder, ["unbound", "-d", "-p"], _unbound()) as process:
        wait_for(partial(_settled, process, isp, DNS64), "unbound")
        alive(process, folder, "unbound")
        yield


@contextlib.contextmanager
def _translator(isp: Namespace, folder: Path) -> Iterator[None]:
    spool = folder / "tayga"
    spool.mkdir(exist_ok=True)
    text = (
        f"tun-device nat64\nipv4-addr {TRANSLATOR['ipv4']}\nipv6-addr {TRANSLATOR['ipv6']}\nprefix {NAT64}\n"
        f"dynamic-pool {POOL}\ndata-dir {spool}\n"
    )
    with running(isp, folder, ["tayga", "--nodetach"], text) as process:
        wait_for(lambda: process.poll() is not None or _has_device(isp, "nat64"), "tayga")
        alive(process, folder, "tayga")
        isp.ip(
            "link set nat64 up",
            f"route replace {POOL} dev nat64",
            f"route replace {NAT64} dev nat64",
            f"route replace {TRANSLATOR['ipv6']}/128 dev nat64",
        )
        isp.nft(
            "add table ip translated",
            "add chain ip translated out { type nat hook postrouting priority 100; }",
            f'add rule ip translated out ip saddr {POOL} oifname != "nat64" masquerade',
        )
        try:
            yield
        finally:
            isp.nft("delete table ip translated")


def _unbound() -> str:
    return (
        "server:\n"
        f' interface: {DNS64}\n access-control: ::/0 allow\n module-config: "dns64 iterator"\n dns64-prefix: {NAT64}\n'
        ' chroot: ""\n username: ""\n pidfile: ""\n use-syslog: no\n do-not-query-localhost: no\n num-threads: 1\n'
        f' verbosity: 0\nremote-control:\n control-enable: no\nforward-zone:\n name: "."\n'
        f" forward-addr: {RESOLVER['ipv4']}\n"
    )


@contextlib.contextmanager
def running(place: Namespace, folder: Path, command: list[str], settings: str) -> Iterator[subprocess.Popen[str]]:
    """Start a daemon with its settings in a file (option -C or -c, as its own is called)."""
    name = command[0]
    path = folder / f"{name}.conf"
    path.write_text(settings, "ascii")
    option = {"radvd": ["-p", str(folder / "radvd.pid"), "-C"], "dnsmasq": ["-C"]}.get(name, ["-c"])
    with _said(folder, name).open("wb") as said:
        process = place.popen([namespace.tool(name), *command[1:], *option, str(path)], stdout=said, stderr=said)
    try:
        yield process
    finally:
        namespace.end([process.pid])
        process.wait(timeout=namespace.GRACE_S)


def wait_for(what: Callable[[], object], name: str) -> None:
    """Wait until something is true; RuntimeError after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {DEADLINE_S} s for {name}")
        time.sleep(0.01)


def _said(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def alive(process: subprocess.Popen[str], folder: Path, name: str) -> None:
    """Raise RuntimeError with what it said last if it has ended."""
    if process.poll() is not None:
        raise RuntimeError(f"{name} ended: {_said(folder, name).read_text('utf-8', 'replace')[-500:]}")


def _has_device(place: Namespace, device: str) -> bool:
    with place.entered():
        return device in [name for _, name in socket.if_nameindex()]


def _settled(process: subprocess.Popen[str], place: Namespace, address: str) -> bool:
    return process.poll() is not None or _answers(place, address)


def _answers(place: Namespace, address: str) -> bool:
    """Whether a name server gives an answer for a name that it has."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with place.entered():
        sock = socket.socket(family, socket.SOCK_DGRAM)
    asked = message.make_query("peer.example", "AAAA")
    with sock, contextlib.suppress(OSError, exception.DNSException):
        sock.connect((address, 53))
        sock.settimeout(0)
        answer = query.udp(asked, address, timeout=0.5, sock=sock)
        return answer.rcode() == rcode.NOERROR and bool(answer.answer) and bool(answer.flags & flags.RA)
    return False
