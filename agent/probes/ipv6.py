"""IPv6 at the site, step by step, to the peer's host: `checks` says what worked, and at which stage what did not.

Peer: any URL of a peer that listens on TCP. Both families are tried at the same time, each with its own deadlines; the
report has no family of its own. Options: `timeout` (5 s, of each step; a transfer stalls after 3), `resolv_conf`,
`dns_port` (53); `hosts` (public services to visit over IPv6), `hosts_port` (443) and `portal_url` (pages that show a
captive portal): lists by spaces or commas, `none` for none.

Checked: addresses, default routes, what the router advertises (RFC 4861; asked for as root, else what the kernel kept),
A and AAAA from each resolver by UDP and TCP, connect in each family, a real race of both (RFC 8305), packets of full
size both ways (path MTU black holes), NAT64 and DNS64 (RFC 8781, RFC 7050), tunnels (6to4, Teredo, 6rd by guess), a
captive portal; and after a failure where on the way it ends (`domain`: lan, access, provider, destination).

`score`: 0 to 10 as test-ipv6.com defines it, for the day on which IPv4 is switched off: no working IPv6 0, path MTU 1,
slow (here: IPv4 wins the race) or 6to4 or Teredo 7, resolvers silent over IPv6 9, else 10. `mtu_ok` is certain with a
peer of ours only. The addresses to connect to are what a configured resolver answers, else what the system's resolver
knows (its hosts file, for example). A check that could not be made, as DNS for a peer that is an address, is absent.
With such a peer only one family can be tried, and with one on this very device no line is: the report then has no score
and the doubt `method_reference_only`. Behind a captive portal there is no score either.
"""

import re
from pathlib import Path
from typing import Final

from agent.errors import Failed, UsageError
from agent.ipv6 import table
from agent.ipv6.notes import Ground, Notes, Settings
from agent.ipv6.services import HOSTS_MAX
from agent.ipv6.summary import result_of
from agent.net import interfaces, web_address
from agent.net.captive_portal import CHECKS
from agent.net.dns_query import RESOLV_CONF
from agent.net.interfaces import PROC, SYSFS
from agent.net.peer_url import PeerUrl, parse
from agent.net.public_services import NAMES
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.failure import Reason, Stage
from agent.wire.report import Peer

_OPTIONS: Final = ("dns_port", "hosts", "hosts_port", "portal_url", "resolv_conf", "timeout")
_TIMEOUT_S: Final = 5.0
_TIMEOUT_MAX_S: Final = 60.0
_PHASES: Final = 5
"""Names, connects, full-size packets, the way, and one for luck share a budget of seconds."""
_PORTAL_URLS_MAX: Final = 5
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?")


async def probe(task: Task) -> Outcome:
    """Examine IPv6 between this device and the peer's host.

    Raises:
        UsageError: a wrong option, or a peer without a TCP port.
        Failed: stage `device`, no_interface: nothing at all to measure on. All else is in the result.
    """
    return await examine(task)


async def examine(task: Task, *, proc: Path = PROC, sysfs: Path = SYSFS) -> Outcome:
    """Do what `probe` promises, on the given views of the kernel."""
    url = _peer(task.peer)
    notes = Notes(Ground(url, planned(task), proc, sysfs))
    await table.run(notes, told=lambda share, word: task.progress(Progress(share, word)))
    if not any(attempt.ok for attempt in notes.attempts.values()) and not interfaces.has_interface(sysfs=sysfs):
        raise Failed(Stage.DEVICE, Reason.NO_INTERFACE, "no network interface is up")
    result, doubts = result_of(notes)
    reached6 = "ipv6" in notes.attempts and notes.attempts["ipv6"].ok
    addresses = notes.addresses.get("ipv6" if reached6 else "ipv4") or next(iter(notes.addresses.values()), [])
    address = addresses[0] if addresses else None
    return Outcome(
        result=result,
        peer=Peer(url=url.text, address=address),
        link=interfaces.link_to(address, sysfs=sysfs) if address else None,
        doubts=doubts,
    )


def planned(task: Task) -> Settings:
    """Read the options; the phases share `max_seconds`. Raises UsageError."""
    options.check_names("ipv6", task.options, _OPTIONS)
    timeout_s = options.number("ipv6", task.options, "timeout", bounds=(0.05, _TIMEOUT_MAX_S), default=_TIMEOUT_S)
    usual = Settings()
    most = task.max_seconds / _PHASES if task.max_seconds is not None else _TIMEOUT_MAX_S
    return Settings(
        timeout_s=min(timeout_s, most),
        resolv_conf=Path(task.options.get("resolv_conf", RESOLV_CONF)),
        dns_port=options.whole_number("ipv6", task.options, "dns_port", bounds=(1, 65535), default=53),
        hosts=_hosts(task.options.get("hosts")),
        hosts_port=options.whole_number("ipv6", task.options, "hosts_port", bounds=(1, 65535), default=443),
        portal_urls=_portal_urls(task.options.get("portal_url")),
        stall_s=min(usual.stall_s, timeout_s, most),
        solicit_s=min(usual.solicit_s, timeout_s, most),
        trace_s=min(usual.trace_s, most),
    )


def _peer(text: str) -> PeerUrl:
    url = parse(text)
    if url.engine in {"ookla", "mlab", "stamp"}:
        raise UsageError(f"ipv6 connects by TCP, which {text!r} does not name; give the peer as msak+wss://HOST:PORT")
    return url


def _hosts(text: str | None) -> tuple[str, ...]:
    if text is None:
        return NAMES
    names = tuple(options.words(text))
    wrong = [name for name in names if not _HOST.fullmatch(name)]
    if wrong:
        raise UsageError(f"ipv6 option hosts: {wrong[0][:60]!r} is no host name; give names by spaces or commas")
    if len(names) > HOSTS_MAX:
        raise UsageError(f"ipv6 option hosts: at most {HOSTS_MAX} names, not {len(names)}")
    return names


def _portal_urls(text: str | None) -> tuple[str, ...]:
    if text is None:
        return CHECKS
    urls = tuple(options.words(text))
    if len(urls) > _PORTAL_URLS_MAX:
        raise UsageError(f"ipv6 option portal_url: at most {_PORTAL_URLS_MAX} pages, not {len(urls)}")
    for url in urls:
        try:
            fits = web_address.parse(url).scheme == "http"
        except Failed:
            fits = False
        if not fits:
            raise UsageError(
                f"ipv6 option portal_url: expected http://…, not {url[:60]!r}; for https no portal can answer"
            )
    return urls
