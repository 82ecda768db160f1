"""All that one name server is asked over one transport: names, a name that cannot exist, signed and badly signed ones.

One question after another, so that none delays another; a server that left the first two unanswered is asked no more.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from agent.errors import Failed
from agent.net.dns_message import KINDS, Message, Question
from agent.net.dns_query import Server, exchange
from agent.net.dns_truth import Said
from agent.wire.failure import Failure, Reason, Stage

RECORDS: Final = ("A", "AAAA")
_PATIENCE: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask. `records`: of each name; `nowhere`: domains under which a random name is asked for.

    `signed`: a domain whose SOA is signed; `bogus`: a name with a wrong signature. Empty: not asked. `ends`: when to
    ask no more, by the loop's clock.
    """

    names: tuple[str, ...]
    records: tuple[str, ...] = RECORDS
    nowhere: tuple[str, ...] = ()
    signed: str = ""
    bogus: str = ""
    timeout_s: float = 3.0
    ends: float = float("inf")

    @property
    def questions(self) -> int:
        """How many questions that is, at most."""
        return len(self.names) * len(self.records) + len(self.nowhere) + bool(self.signed) + 2 * bool(self.bogus)


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to one question, or why there is none. `cut`: UDP gave only part of it, and it was asked over TCP.

    `came`: there is a record of the kind that was asked for in it; `signed`: signatures too.
    """

    said: Said | None = None
    ms: float | None = None
    authentic: bool = False
    came: bool = False
    signed: bool = False
    cut: bool = False
    failure: Failure | None = None


@dataclass(slots=True)
class Survey:
    """What one server said. `names` by name and record; None: was not asked, or did not answer."""

    server: Server
    names: dict[tuple[str, str], Heard] = field(default_factory=dict)
    nowhere: list[Said] = field(default_factory=list)
    signed: Heard | None = None
    bogus: Heard | None = None
    bogus_unchecked: Heard | None = None
    unanswered: int = 0
    answered: int = 0

    @property
    def silent(self) -> bool:
        """Whether it is not worth asking more."""
        return not self.answered and self.unanswered >= _PATIENCE


Ask = Callable[[Question], Awaitable[Heard | None]]


async def survey(server: Server, plan: Plan, told: Callable[[], None] = lambda: None) -> Survey:
    """Ask one server everything; `told` is called after each question. Never raises for what the network does."""
    found = Survey(server)

    async def ask(question: Question) -> Heard | None:
        left_s = plan.ends - asyncio.get_running_loop().time()
        if found.silent or left_s <= 0:
            return None
        heard = await _ask(server, question, min(plan.timeout_s, left_s))
        found.answered += heard.said is not None
        found.unanswered += heard.said is None
        told()
        return heard

    await _ask_names(found, plan, ask)
    await _ask_signed(found, plan, ask)
    return found


async def _ask_names(found: Survey, plan: Plan, ask: Ask) -> None:
    for name in plan.names:
        for record in plan.records:
            heard = await ask(Question(name, record))
            if heard is not None:
                found.names[name, record] = heard
    for domain in plan.nowhere:
        heard = await ask(Question(f"{secrets.token_hex(8)}.{domain}", "A"))
        if heard is not None and heard.said is not None:
            found.nowhere.append(heard.said)


async def _ask_signed(found: Survey, plan: Plan, ask: Ask) -> None:
    if plan.signed:
        found.signed = await ask(Question(plan.signed, "SOA", dnssec=True))
    if plan.bogus:
        found.bogus = await ask(Question(plan.bogus, "A", dnssec=True))
    if found.bogus is not None and found.bogus.said is not None and found.bogus.said.rcode == "servfail":
        found.bogus_unchecked = await ask(Question(plan.bogus, "A", dnssec=True, unchecked=True))


def passes_dnssec(found: Survey) -> bool | None:
    """Whether signatures came through; None if the signed answer itself did not come."""
    heard = found.signed
    if heard is None or not heard.came:
        return None
    return heard.signed


def validates(found: Survey) -> bool | None:
    """Whether it refused what is wrongly signed, and only for that: asked not to check, it gave it. None: unclear."""
    said = found.bogus.said if found.bogus else None
    if said is not None and said.rcode == "noerror" and said.addresses:
        return False
    unchecked = found.bogus_unchecked.said if found.bogus_unchecked else None
    return True if unchecked is not None and unchecked.addresses else None


async def _ask(server: Server, question: Question, timeout_s: float) -> Heard:
    """Ask once; what UDP cut short is asked again over TCP, in what is left of its time (RFC 7766)."""
    ms, cut = 0.0, False
    ends = asyncio.get_running_loop().time() + timeout_s
    try:
        reply = await exchange(server, question, timeout_s=timeout_s)
        ms = reply.ms
        if reply.message.truncated and server.transport == "udp":
            cut = True
            left_s = max(0.0, ends - asyncio.get_running_loop().time())
            reply = await exchange(replace(server, transport="tcp"), question, timeout_s=left_s)
            ms += reply.ms
    except Failed as error:
        failure = error.failure
        if cut:
            words = f"cut short over UDP, and TCP: {failure.detail or failure.reason}"
            failure = Failure(Stage.RESOLVE, Reason(failure.reason), words[:500])
        return Heard(cut=cut, failure=failure)
    return _heard(reply.message, question, ms, cut=cut)


def _heard(message: Message, question: Question, ms: float, *, cut: bool) -> Heard:
    addresses = message.addresses(question.kind) if question.kind in RECORDS else []
    said = Said(message.rcode, tuple(addresses))
    came = any(record.kind == KINDS[question.kind] for record in message.records)
    return Heard(said, round(ms, 3), message.authentic, came, message.signed, cut, _failure(said, question))


def _failure(said: Said, question: Question) -> Failure | None:
    """Name what stands in the way of using the answer; that a name has no address of one kind is none."""
    reasons = {"servfail": Reason.SERVFAIL, "refused": Reason.REFUSED, "nxdomain": Reason.NXDOMAIN}
    if said.rcode == "noerror":
        return None
    words = f"{question.name} {question.kind}: {said.rcode.upper()}"
    return Failure(Stage.RESOLVE, reasons.get(said.rcode, Reason.PROTOCOL), words)
