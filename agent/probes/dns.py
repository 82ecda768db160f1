"""Name resolution at the site: every resolver over UDP and TCP, beside a reference: times, lies, DNSSEC.

Peer: none. Each resolver of resolv_conf is asked for the A and AAAA records of a few names, over TCP for the A records
only, one question after another; all resolvers at the same time. Times are in milliseconds, over TCP with the
connection. Beyond names: one that cannot exist under `.invalid` and `example.com` (RFC 6761; an address for it is
`rewrites_nxdomain`), signatures for a signed domain (RFC 4035: `passes_dnssec`), and a name that is wrongly signed:
`validates` if it is refused with SERVFAIL and given when asked not to check (CD).

A lie is: an address where nobody can be (0.0.0.0, loopback), one inside this network for a name that the reference has
in the world, no such name or no address where the reference has one, addresses where it has no such name. Different
addresses alone are none, and what a DNS64 translates is none. The reference is believed over TCP rather than UDP.
Without one only impossible addresses, and UDP against TCP of the same resolver, can show a lie; `lies` is then never
false. Choose one that filters nothing: where it hides a name, whoever does not is called a liar.

Options: lists by commas or spaces. `names` (public services of Vietnam); `resolvers` (more to ask: addresses);
`reference` (address of a resolver of another operator; none by default: networks differ in what they let through);
`internal` (networks such as 10.0.0.0/8 whose addresses are no lie here); `nonexistent` (domains without wildcards:
invalid, example.com); `signed` (the root; `none`: not asked); `bogus` (dnssec-failed.org; `none`: not asked); `timeout`
(3 s, each question); `resolv_conf`; `dns_port` (53). `max_seconds`: when to ask no more (40 s).
"""

import asyncio
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import Failed, UsageError
from agent.net import dns_query, interfaces
from agent.net.dns_comparison import Row, blame, consistent, decides, resolver, within
from agent.net.dns_message import MessageError, Question, encode
from agent.net.dns_query import RESOLV_CONF, Server, Transport
from agent.net.dns_survey import Plan, Survey, survey
from agent.net.dns_truth import Network, is_portal
from agent.net.public_services import NAMES
from agent.net.resolve import literal_family
from agent.probes import options
from agent.probes.probe import Outcome, Progress, Task
from agent.wire.dns import Answer, Dns
from agent.wire.failure import Doubt, Reason, Stage

_OPTIONS: Final = (
    "bogus",
    "dns_port",
    "internal",
    "names",
    "nonexistent",
    "reference",
    "resolv_conf",
    "resolvers",
    "signed",
    "timeout",
)
_NAMES_MAX: Final = 10
_RESOLVERS_MAX: Final = 4
_REFERENCES_MAX: Final = 2
_BUDGET_S: Final = 40.0
_RESULT_BYTES: Final = 56 * 1024  # of the 64 KiB of a report
_NONEXISTENT: Final = "invalid example.com"
_SIGNED: Final = "."
_BOGUS: Final = "dnssec-failed.org"
_TRANSPORTS: Final[tuple[Transport, ...]] = ("udp", "tcp")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of this kind. `resolvers` are those beside resolv_conf's."""

    names: tuple[str, ...]
    resolvers: tuple[str, ...]
    reference: tuple[str, ...]
    internal: tuple[Network, ...]
    nonexistent: tuple[str, ...]
    signed: str
    bogus: str
    timeout_s: float
    budget_s: float
    resolv_conf: Path
    port: int


async def probe(task: Task) -> Outcome:
    """Ask every resolver of this device.

    Raises:
        UsageError: a wrong option.
        Failed: `resolve`: no_address if no resolver is configured; else why nobody, not even the reference, gave an
            answer that decides: silence, SERVFAIL or REFUSED to every question.
    """
    settings = planned(task)
    own = _own(task, settings)
    rows = await _ask_all(task, settings, own)
    if not any(decides(row.survey) for row in rows):
        raise _nobody(rows)
    return _outcome(task, settings, rows)


def planned(task: Task) -> Settings:
    """Read the options; raises UsageError."""
    given = task.options
    options.check_names("dns", given, _OPTIONS)
    return Settings(
        names=_names(given.get("names"), "names", NAMES[:4]) or _refuse("names: name at least one"),
        resolvers=_addresses(given.get("resolvers"), "resolvers", _RESOLVERS_MAX),
        reference=_addresses(given.get("reference"), "reference", _REFERENCES_MAX),
        internal=_networks(given.get("internal")),
        nonexistent=_names(given.get("nonexistent", _NONEXISTENT), "nonexistent", ()),
        signed=_one(given.get("signed", _SIGNED), "signed"),
        bogus=_one(given.get("bogus", _BOGUS), "bogus"),
        timeout_s=options.number("dns", given, "timeout", bounds=(0.05, 30), default=3.0),
        budget_s=task.max_seconds or _BUDGET_S,
        resolv_conf=Path(given.get("resolv_conf", RESOLV_CONF)),
        port=options.whole_number("dns", given, "dns_port", bounds=(1, 65535), default=dns_query.PORT),
    )


def _own(task: Task, settings: Settings) -> list[str]:
    """Name the resolvers of this site, of the family asked for, in the order in which the device uses them."""
    named = list(dict.fromkeys([*dns_query.configured(settings.resolv_conf), *settings.resolvers]))
    if not named:
        raise Failed(Stage.RESOLVE, Reason.NO_ADDRESS, f"{settings.resolv_conf} names no resolver")
    fitting = [address for address in named if task.family is None or Server(address).family == task.family]
    if not fitting:
        raise Failed(Stage.RESOLVE, Reason.NO_ADDRESS, f"no resolver has an {task.family} address")
    return fitting


async def _ask_all(task: Task, settings: Settings, own: Sequence[str]) -> list[Row]:
    ends = asyncio.get_running_loop().time() + settings.budget_s
    full = Plan(
        settings.names,
        nowhere=settings.nonexistent,
        signed=settings.signed,
        bogus=settings.bogus,
        timeout_s=settings.timeout_s,
        ends=ends,
    )
    plans = {"udp": full, "tcp": Plan(settings.names, ("A",), timeout_s=settings.timeout_s, ends=ends)}
    references = [address for address in settings.reference if address not in own]
    servers = [Server(address, settings.port, way) for address in [*own, *references] for way in _TRANSPORTS]
    total = sum(plans[server.transport].questions for server in servers)
    found: dict[Server, Survey] = {}
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        task.progress(Progress(min(1.0, done / total), "names", done, f"/ {total}"))

    async def ask(server: Server) -> None:
        found[server] = await survey(server, plans[server.transport], told)

    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(ask(server), name=f"ask {server.address} over {server.transport}")
    return [Row(found[server], server.address in references) for server in servers]


def _outcome(task: Task, settings: Settings, rows: Sequence[Row]) -> Outcome:
    verdicts = [resolver(row, rows, settings.internal) for row in rows]
    own = [row for row in rows if not row.reference]
    first, said = own[0], verdicts[rows.index(own[0])]
    heard = [heard for row in own for heard in row.survey.names.values()]
    result = Dns(
        median_ms=said.median_ms,
        answered=sum(1 for one in heard if one.said is not None),
        asked=len(heard),
        lies=said.lies,
        rewrites_nxdomain=said.rewrites_nxdomain,
        passes_dnssec=said.passes_dnssec,
        validates=said.validates,
        domain=blame(first.server.address, rows, interfaces.route_to),
        resolvers=verdicts,
        consistent=consistent(own, settings.internal),
        resolved=sum(1 for one in verdicts if not one.reference for answer in one.answers or [] if _is_good(answer)),
    )
    known = {name: one.said for (name, record), one in first.survey.names.items() if record == "A" and one.said}
    portal = is_portal(known, first.survey.nowhere)
    return Outcome(
        result=within(result, _RESULT_BYTES),
        family=task.family,
        link=interfaces.link_to(first.server.address),
        doubts=(Doubt.CAPTIVE_PORTAL,) if portal else (),
    )


def _is_good(answer: Answer) -> bool:
    return answer.rcode == "noerror" and answer.failure is None


def _nobody(rows: Sequence[Row]) -> Failed:
    """Sum up why nobody answered: as the first resolver failed, with the words of all."""
    said = []
    for row in rows:
        failures = [heard.failure for heard in row.survey.names.values() if heard.failure]
        if failures:
            said.append((f"{row.server.address} {row.server.transport}", failures[0]))
    if not said:
        return Failed(Stage.RESOLVE, Reason.TIMEOUT, "no time to ask anybody")
    return Failed(Stage.RESOLVE, Reason(said[0][1].reason), "; ".join(f"{who}: {why.reason}" for who, why in said))


def _refuse(why: str) -> tuple[str, ...]:
    raise UsageError(f"dns option {why}")


def _names(text: str | None, option: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return default
    names = options.words(text)
    if len(names) > _NAMES_MAX:
        _refuse(f"{option}: at most {_NAMES_MAX} names, not {len(names)}")
    for name in names:
        try:
            encode(Question(name), 0)
        except MessageError as error:
            raise UsageError(f"dns option {option}: {error}") from error
        if not re.fullmatch(r"[\w.-]+", name) or literal_family(name) is not None:
            raise UsageError(f"dns option {option}: {name[:100]!r} is no name; write it as www.example.vn")
    return tuple(names)


def _one(text: str, option: str) -> str:
    names = _names(text, option, ())
    if len(names) > 1:
        _refuse(f"{option}: one name, or none")
    return names[0] if names else ""


def _addresses(text: str | None, option: str, most: int) -> tuple[str, ...]:
    words = options.words(text)
    if len(words) > most:
        _refuse(f"{option}: at most {most} addresses, not {len(words)}")
    for word in words:
        try:
            ipaddress.ip_address(word)
        except ValueError as error:
            raise UsageError(f"dns option {option}: {word!r} is not an IP address") from error
    return tuple(words)


def _networks(text: str | None) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(word) for word in options.words(text))
    except ValueError as error:
        raise UsageError(f"dns option internal: {error}") from error
