"""The routers on the way to one address, asked as Paris traceroute does: to a load balancer every packet looks alike.

By UDP, ICMP or TCP over IPv4 or IPv6, always without root (`agent.net.flows` names the kernel's facilities). A round
asks each distance once, one packet every `pace_s`; distances whose answer is still due are passed by, so a round takes
about one round trip more than its packets. It ends where the target answered, where a router said that it goes no
further, or after `silent` distances beyond the last answer. Routers limit how many errors they send, many to six at
once and then one a second: no answer of a router is not a loss of the way. Few rounds are fair, many measure the limit.
"""

import asyncio
import contextlib
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.errors import Failed
from agent.net.failures import failed
from agent.net.flows import Heard, Method, PacketFlow, SynFlow, is_loopback
from agent.net.kernel_time import Reading
from agent.wire.failure import Reason, Stage

_TAIL: Final = 2
"""By TCP each silent distance costs a second of its own: after the first round so many are enough."""
PORT: Final = 33434
"""Where traceroute has always sent UDP: nothing listens there, so a host says so."""
_AGAIN_S: Final = 0.95
"""Before a second is over: then the kernel would send a SYN again."""
_BUSY: Final = (11, 105)  # EAGAIN, ENOBUFS
_SEQ_MAX: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `port`: of the target, for UDP and TCP; `source_port`: ours (ICMP: the identifier), if it is free.

    `probes` is the number of rounds; `size` that of a whole packet in bytes, with the IP header (not for TCP); packets
    are never fragmented.
    """

    method: Method = "udp"
    port: int = PORT
    source_port: int = 0
    probes: int = 3
    hops: int = 30
    silent: int = 6
    timeout_s: float = 1.0
    pace_s: float = 0.025
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `reason` None: a router let the packet's hops run out, or (`reached`) the target itself answered.

    Else why it goes no further: `refused prohibited unreachable no_route`, or `dropped` because only `mtu` bytes fit.
    """

    address: str
    rtt_ns: int
    reason: Reason | None = None
    reached: bool = False
    mtu: int | None = None

    @property
    def final(self) -> bool:
        """Whether nothing farther out can be asked."""
        return self.reached or self.reason is not None


@dataclass(slots=True)
class Hop:
    """One distance: how many packets were sent so far, and the answers in order of arrival."""

    ttl: int
    sent: int = 0
    answers: list[Answer] = field(default_factory=list)

    @property
    def address(self) -> str | None:
        """Who answered there; of several the one that did so most often, and first."""
        return statistics.mode(answer.address for answer in self.answers) if self.answers else None

    @property
    def rtt_ms(self) -> float | None:
        """The median time to an answer."""
        times = [answer.rtt_ns for answer in self.answers]
        return round(statistics.median(times) / 1e6, 3) if times else None

    @property
    def loss_ratio(self) -> float | None:
        """The share of packets without an answer: for a router no loss of the way, see above."""
        return round(1 - len(self.answers) / self.sent, 6) if self.sent else None

    @property
    def end(self) -> Answer | None:
        """The answer with which the way ends here: the target's, else a refusal; None if it goes on."""
        finals = sorted((answer for answer in self.answers if answer.final), key=lambda answer: not answer.reached)
        return finals[0] if finals else None


@dataclass(slots=True)
class Trace:
    """What a run found out. `hops[0]` is the first; the list ends with the last distance that was asked.

    `source` and `source_port` are ours. `stuck`: the first router did not even answer for its link address (ARP, ND).
    `foreign`: how much came that was no answer to us.
    """

    method: Method
    hops: list[Hop] = field(default_factory=list)
    source: str | None = None
    source_port: int = 0
    stuck: bool = False
    foreign: int = 0

    @property
    def last(self) -> Hop | None:
        """Where the way ends: the target, or the router that refuses, or the farthest one that answered."""
        answered = [hop for hop in self.hops if hop.answers]
        reached = [hop for hop in answered if any(answer.reached for answer in hop.answers)]
        refused = [hop for hop in answered if hop.end is not None]
        found = reached or refused or answered[-1:]
        return found[0] if found else None

    @property
    def reached(self) -> bool:
        """Whether the target itself answered."""
        return any(answer.reached for hop in self.hops for answer in hop.answers)

    @property
    def reason(self) -> Reason | None:
        """Why it goes no further, as a router said; None if the target answered, or nobody said anything."""
        end = self.last.end if self.last is not None and not self.reached else None
        return end.reason if end is not None else None


async def trace(address: str, plan: Plan | None = None, *, watch: Callable[[Trace], None] | None = None) -> Trace:
    """Find the way to a numeric address (a link-local one with its zone); `watch` is called after each packet.

    A way that ends early is a result. Cancel it (`asyncio.timeout`) to have no more of it than `watch` saw.

    Raises:
        Failed: no packet left the device: `route` (no route, no address), `connect:prohibited` (a filter of its own,
            not seen with TCP), `device:no_permission` (ICMP is not for this user), `device:dropped` (`size` above MTU).
    """
    run = _Run(address, plan or Plan(), watch or (lambda _: None))
    try:
        await run.all_rounds()
    finally:
        run.close()
    return run.trace


class _Run:
    """One run: what was asked, what is still due, and how far it makes sense to go."""

    def __init__(self, address: str, plan: Plan, watch: Callable[[Trace], None]) -> None:
        self.trace = Trace(plan.method)
        self._address = address
        self._plan = plan
        self._watch = watch
        self._due: dict[int, tuple[Hop, Reading]] = {}
        self._seq = 0
        self._short = False
        self._silent = self._plan.silent
        self._news = asyncio.Event()
        self._flow = self._open()

    def close(self) -> None:
        self.trace.foreign += self._flow.foreign
        self._flow.close()

    async def all_rounds(self) -> None:
        for _ in range(self._plan.probes):
            await self._round()
            if isinstance(self._flow, SynFlow):
                self._silent = min(self._silent, _TAIL)
        if self._short:
            await self._one_by_one()

    def _open(self) -> PacketFlow | SynFlow:
        plan = self._plan
        try:
            if plan.method == "tcp":
                syns = SynFlow(self._address, port=plan.port, source_port=plan.source_port)
                self.trace.source_port = syns.source_port
                return syns
            packets = PacketFlow(
                self._address, plan.method, port=plan.port, source_port=plan.source_port, heard=self._hear
            )
        except OSError as error:
            raise failed(Stage.CONNECT, error) from error
        self.trace.source, self.trace.source_port = packets.source
        return packets

    @property
    def _limit(self) -> int:
        """How far to ask: to where the way ends, else a few distances beyond the last answer."""
        if self.trace.stuck:
            return 0
        last = self.trace.last
        if last is not None and last.end is not None:
            return last.ttl
        return min(self._plan.hops, (last.ttl if last else 0) + self._silent)

    async def _round(self) -> None:
        ttl = 0
        while ttl < self._limit:
            while ttl < self._limit:
                ttl += 1
                await self._ask(ttl)
                self._watch(self.trace)
            await self._answered(ttl)

    async def _one_by_one(self) -> None:
        """Ask the silent distances again, each alone: some router quotes too little to tell what it answers."""
        ttl = 0
        while ttl < self._limit:
            ttl += 1
            if not self._hop(ttl).answers:
                self._due.clear()
                await self._ask(ttl)
                await self._answered(ttl)

    async def _ask(self, ttl: int) -> None:
        hop = self._hop(ttl)
        try:
            if isinstance(self._flow, SynFlow):
                heard, start = await self._flow.ask(ttl, timeout_s=min(self._plan.timeout_s, _AGAIN_S))
                hop.sent += 1
                self.trace.source = self._flow.source
                if heard is not None:
                    self._note(hop, heard, start)
                return
            self._seq = self._seq % _SEQ_MAX + 1
            start = self._flow.send(self._seq, ttl, size=self._plan.size)
            hop.sent += 1
            self._due[self._seq] = hop, start
        except OSError as error:
            self._stumble(error)
        await asyncio.sleep(self._plan.pace_s)

    def _stumble(self, error: OSError) -> None:
        """Take what the device itself says: after the first answer it is a packet less, before it the outcome."""
        if error.errno in _BUSY or any(hop.answers for hop in self.trace.hops):
            return
        if error.errno == 90:  # noqa: PLR2004 - EMSGSIZE
            raise Failed(Stage.DEVICE, Reason.DROPPED, f"{self._plan.size} bytes do not fit this interface") from error
        raise failed(Stage.CONNECT, error) from error

    async def _answered(self, ttl: int) -> None:
        """Wait until all that was asked up to the limit is answered or overdue, or there is more to ask."""
        while self._limit <= ttl and (left := self._left_s()) > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
        if isinstance(self._flow, PacketFlow):
            self._flow.collect()  # what came while this program had no turn

    def _left_s(self) -> float:
        """How long the last answer that is worth waiting for may still take."""
        limit = self._limit
        sent = [start.monotonic_ns for hop, start in self._due.values() if hop.ttl <= limit]
        now = asyncio.get_running_loop().time()
        return max(sent) / 1e9 + self._plan.timeout_s - now if sent else 0.0

    def _hear(self, heard: Heard) -> None:
        seq = heard.seq
        if seq is None:
            self._short = True
            # Alone on its way, it needs no name.
            seq = next(iter(self._due)) if len(self._due) == 1 else None
        asked = self._due.pop(seq, None) if seq is not None else None
        if asked is None:
            if heard.seq is not None:
                self.trace.foreign += 1  # a copy, or made up
            return
        self._note(*asked[:1], heard, asked[1])
        self._news.set()
        self._watch(self.trace)

    def _note(self, hop: Hop, heard: Heard, start: Reading) -> None:
        rtt_ns = max(1, heard.at_ns - start.monotonic_ns)
        said = heard.complaint
        if said is None:
            hop.answers.append(Answer(self._address, rtt_ns, reached=True))
            return
        if said.address == self.trace.source and said.address != self._address:
            self.trace.stuck = True  # the kernel's own: nobody answered for the next router's link address
        elif is_loopback(said.address) and not is_loopback(self._address):
            self.trace.foreign += 1
        else:
            # Whatever the target itself refuses, the packet came to it; that its hops ran out or it did not fit, no.
            reached = said.address == self._address and said.reason not in {None, Reason.DROPPED}
            reason = None if reached and said.reason is Reason.REFUSED else said.reason
            hop.answers.append(Answer(said.address, rtt_ns, reason, reached=reached, mtu=said.mtu))

    def _hop(self, ttl: int) -> Hop:
        while len(self.trace.hops) < ttl:
            self.trace.hops.append(Hop(len(self.trace.hops) + 1))
        return self.trace.hops[ttl - 1]
