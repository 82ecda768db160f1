"""The routers on the way to the peer, and whose part of it fails: the site, the access line, the provider, the peer.

Peer: any URL with a host. The way is asked as Paris traceroute does (Augustin et al., IMC 2006): what a load balancer
looks at is the same for every packet of a run, and for the next run, so one way is seen, and a change is a change.
Options: `method` (`udp`, `icmp`, `tcp`), `port` (of the peer: 33434 for UDP, that of its URL for TCP), `probes` (3
rounds), `hops` (30), `silent` (6: it ends so many distances beyond the last answer), `timeout` (1 second), `count` (20:
how often the first router and the provider's are asked for loss), `others` (HOST:PORT, comma-separated: who is asked by
TCP, once, if the peer does not answer, to tell the provider from the destination; default: pages of public services, ""
for nobody).

Round trips are in ms, from the send call to the kernel's receive time. Loss of a router's answers is not loss of the
way: routers answer little and late. So the first router and the provider's are asked by echo, and their loss is bounded
by that of what lies beyond. A peer that answers at its own port is reached, also where what a trace sends is dropped on
the way; who answers in anyone's name at the site does not count. Where nobody can look its name up, as on a cut line,
its last known address is asked (`remembered`). A run ends after `max_seconds` (45), looking names up aside.

The site's own part ends at the first router; the provider begins with the first address behind it that is not private
(100.64.0.0/10 is the provider's), or with the first router of all where the device holds the line itself. The part that
fails (`domain`) is the first one that nothing farther out proves; where nothing decides, none is named. Nothing needs
root; ICMP wants `net.ipv4.ping_group_range`.
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass, replace
from typing import Final, get_args

from msgspec.structs import replace as replaced

from agent import files
from agent.errors import Failed, UsageError
from agent.net import traceroute
from agent.net.flows import Method
from agent.net.interfaces import Route, is_tunnel, link_to, route_to
from agent.net.peer_url import PeerUrl, parse
from agent.net.public_services import NAMES
from agent.net.resolve import choose_family, resolve
from agent.net.traceroute import Plan, Trace
from agent.path import judgement, ways, witnesses
from agent.path.judgement import Line, Sample, Seen
from agent.probes import options
from agent.probes.probe import Family, Outcome, Progress, Task, reaching
from agent.wire.failure import Doubt, Reason, Stage
from agent.wire.report import Link, Peer

RESOLVE_S: Final = 5.0
BUDGET_S: Final = 45.0
"""With two names to look up before, it ends within the schedule's minute."""
NAME: Final = "path.json"
OTHERS: Final = ",".join(f"{name}:443" for name in NAMES[:3])
_KIND: Final = "path"
_OPTIONS: Final = ("count", "hops", "method", "others", "port", "probes", "silent", "timeout")
_METHODS: Final[dict[str, Method]] = {name: name for name in get_args(Method)}
_OTHERS_MAX: Final = 8
_ENDPOINT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_PORT_MAX: Final = 65_535
_UNHEARD: Final = (Reason.TIMEOUT, Reason.SERVFAIL, Reason.REFUSED, Reason.UNREACHABLE)
"""No resolver answered, or it could not ask any further."""
_PACKET_BYTES: Final = 60
# What of a budget of seconds the trace may take, the provider's router, each of three answers (the peer's, a name, who
# has it), and the kernel's search for the first router.
_TRACE_SHARE: Final = 0.4
_ROUTER_SHARE: Final = 0.15
_ANSWER_SHARE: Final = 0.08
_NEIGHBOUR_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Wish:
    """What one run is to do. `count`: how often the nearest routers are asked; `cut`: a budget left less than that."""

    url: PeerUrl
    plan: Plan
    count: int
    others: tuple[tuple[str, int], ...]
    seconds: float = BUDGET_S
    cut: bool = False


def planned(task: Task) -> Wish:
    """Read the peer and the options of this kind; raises UsageError in one plain line."""
    given = task.options
    options.check_names(_KIND, given, _OPTIONS)
    url = parse(task.peer)
    if not url.port:
        raise UsageError(f"no path can be traced to {task.peer!r}, which names no host; give HOST:PORT")
    method = _METHODS.get(given.get("method", "udp"))
    if method is None:
        raise UsageError(f"path option method: expected udp, icmp or tcp, not {given['method']!r}")
    usual = url.port if method == "tcp" and url.engine != "stamp" else traceroute.PORT
    plan = Plan(
        method=method,
        port=options.whole_number(_KIND, given, "port", bounds=(1, _PORT_MAX), default=usual),
        probes=options.whole_number(_KIND, given, "probes", bounds=(1, 10), default=3),
        hops=options.whole_number(_KIND, given, "hops", bounds=(1, 60), default=30),
        silent=options.whole_number(_KIND, given, "silent", bounds=(1, 30), default=6),
        timeout_s=options.number(_KIND, given, "timeout", bounds=(0.05, 10), default=1.0),
    )
    count = options.whole_number(_KIND, given, "count", bounds=(1, 200), default=20)
    others = _others(given.get("others", OTHERS))
    return Wish(url, plan, count, others, BUDGET_S if task.max_seconds is None else task.max_seconds)


def within(wish: Wish, max_bytes: int | None) -> Wish:
    """Ask the nearest routers less often, then go fewer rounds, if a budget of bytes says so; both ways count.

    Raises Failed if not one round fits.
    """
    if max_bytes is None:
        return wish
    plan, packets = wish.plan, max_bytes // (2 * _PACKET_BYTES)
    rounds = min(plan.probes, packets // plan.hops)
    if rounds < 1:
        least = 2 * _PACKET_BYTES * plan.hops
        raise Failed(Stage.DEVICE, Reason.BUDGET, f"one round of {plan.hops} hops takes up to {least} bytes")
    count = max(1, min(wish.count, (packets - rounds * plan.hops) // 2))
    cut = (rounds, count) != (plan.probes, wish.count)
    return replace(wish, plan=replace(plan, probes=rounds), count=count, cut=cut)


async def probe(task: Task) -> Outcome:
    """Find the way, who is on it, and where it ends.

    Raises:
        UsageError: a wrong option, or a peer without a host.
        Failed: no name, or nothing left the device (no route, a filter of its own, ICMP not allowed).
    """
    wish = within(planned(task), task.max_bytes)
    host = wish.url.host
    family: Family = task.family or await choose_family(host, timeout_s=RESOLVE_S)
    known = ways.read(files.read(task.folder / NAME) if task.folder is not None else None)
    kind = f"{family} {wish.plan.method} "
    with reaching(Peer(url=wish.url.text), family):
        address, remembered = await _address(host, family, ways.last_address(known, host, kind))
    peer = Peer(url=wish.url.text, address=address)
    way = replaced(ways.find(known, kind + address) or ways.Way(name=kind + address), host=host)
    with reaching(peer, family):
        route = route_to(address)
        if route is None:
            raise Failed(Stage.ROUTE, Reason.NO_ROUTE, f"this device has no route to {address}")
        link = link_to(address)
        run = _Run(replace(wish, plan=replace(wish.plan, source_port=way.source_port)), task)
        seen = await run.look(_begun(address, route, link, way))
        seen = replace(seen, remembered=remembered)
    if task.folder is not None:
        with contextlib.suppress(OSError):  # a full disk costs the memory of this run, not its result
            content = ways.write(known, judgement.walked(seen, way))
            files.replace(task.folder / NAME, content, forced=False)
    doubts = [Doubt.BUDGET_CUT] if run.cut else []
    doubts += [Doubt.TUNNEL] if is_tunnel(route.interface) else []
    result = judgement.judged(seen, way)
    return Outcome(result=result, family=family, peer=peer, link=link, doubts=tuple(doubts))


async def _address(host: str, family: Family, last: str | None) -> tuple[str, bool]:
    """Look the peer up; the address of an earlier run, and True, if nobody can be asked."""
    try:
        return (await resolve(host, family, timeout_s=RESOLVE_S))[0], False
    except Failed as error:
        if last is None or error.failure.reason not in _UNHEARD:
            raise
        return last, True


def _begun(address: str, route: Route, link: Link, way: ways.Way) -> Seen:
    """What is known before the first packet."""
    line: Line = "tunnel" if is_tunnel(route.interface) else "own" if link.medium == "cellular" else "lan"
    return Seen(address, Trace("udp"), route, line=line, known=way.provider)


class _Run:
    """One run, step by step; `cut`: a budget left less of it than was wished for."""

    def __init__(self, wish: Wish, task: Task) -> None:
        self.cut = wish.cut
        self._wish = wish
        self._task = task
        # Long enough for a SYN that was lost to be sent again.
        self._answer_s = min(2 * wish.plan.timeout_s, wish.seconds * _ANSWER_SHARE)

    async def look(self, seen: Seen) -> Seen:
        """Trace the way and ask the first router meanwhile; then the provider's, and whoever else can tell."""
        async with asyncio.TaskGroup() as group:
            tracing = group.create_task(self._trace(seen.address), name="trace")
            asking = group.create_task(self._ask(seen.route.gateway, share=_TRACE_SHARE), name="gateway")
        seen = replace(seen, trace=tracing.result(), gateway=asking.result())
        async with asyncio.TaskGroup() as group:
            # One that is silent on its way may well answer for itself.
            nearest = self._ask(seen.nearest or seen.known, share=_ROUTER_SHARE, echo_only=True)
            asking = group.create_task(nearest, name="provider")
            knocking = group.create_task(self._knock(seen), name="peer")
        found = knocking.result()
        seen = replace(seen, provider=asking.result(), peer_ms=found.rtt_ms, silent=found.silent)
        self._show(_TRACE_SHARE + _ROUTER_SHARE, seen.trace)
        if not seen.reached:
            seen = await self._ask_around(seen)
        self._show(1.0, seen.trace)
        return seen

    async def _trace(self, address: str) -> Trace:
        plan = self._wish.plan
        found = Trace(plan.method)

        def watch(trace: Trace) -> None:
            nonlocal found
            found = trace
            rounds = sum(hop.sent for hop in trace.hops) / max(1, len(trace.hops)) / plan.probes
            self._show(_TRACE_SHARE * min(1.0, rounds), trace)

        limit = asyncio.timeout(self._wish.seconds * _TRACE_SHARE)
        try:
            async with limit:
                return await traceroute.trace(address, plan, watch=watch)
        except TimeoutError:
            self.cut = True
            return found

    async def _ask(self, address: str | None, *, share: float, echo_only: bool = False) -> Sample:
        if address is None:
            return Sample()
        within_s = self._wish.seconds * share
        return await witnesses.router(address, count=self._wish.count, within_s=within_s, echo_only=echo_only)

    async def _knock(self, seen: Seen) -> witnesses.Knock:
        """Ask the peer at its own port, if the trace did not come to it."""
        if seen.reached:
            return witnesses.Knock()
        return await witnesses.peer(self._wish.url, seen.address, timeout_s=self._answer_s, near=seen.near)

    async def _ask_around(self, seen: Seen) -> Seen:
        """Ask who else answers, since the peer does not."""
        others = await witnesses.others(self._wish.others, seen, timeout_s=self._answer_s)
        heard = others or seen.gateway.times_ms or seen.trace.last is not None or seen.trace.stuck
        if not heard:
            within_s = min(witnesses.NEIGHBOUR_S, self._wish.seconds * _NEIGHBOUR_SHARE)
            first = seen.route.gateway or seen.address
            known = await witnesses.neighbour(first, seen.route.interface, within_s=within_s)
            seen = replace(seen, neighbour=known)
        return replace(seen, others=others)

    def _show(self, done: float, trace: Trace) -> None:
        last = trace.last
        self._task.progress(Progress(done, _KIND, last.rtt_ms if last else None, "ms"))


def _others(text: str) -> tuple[tuple[str, int], ...]:
    """Read ADDRESS:PORT, comma-separated."""
    found = [_endpoint(entry.strip()) for entry in text.split(",") if entry.strip()]
    if len(found) > _OTHERS_MAX:
        raise UsageError(f"path option others: at most {_OTHERS_MAX}, not {len(found)}")
    return tuple(found)


def _endpoint(text: str) -> tuple[str, int]:
    found = _ENDPOINT.fullmatch(text)
    if found is None or not 0 < int(found[3]) <= _PORT_MAX:
        raise UsageError(f"path option others: expected HOST:PORT, an IPv6 address in brackets, not {text!r}")
    return found[1] or found[2], int(found[3])
