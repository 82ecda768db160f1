"""Whether an answer of a name server can be true, beside a witness's answer to the same question. Pure.

Two honest servers often give different addresses for one name: large services answer by place, by turn and by load. So
different addresses alone are no lie, and nobody is accused of it. What is one:

- an address where nobody can be (0.0.0.0, loopback, link-local, multicast, reserved), which the witness does not give;
- an address inside this network (private, shared) for a name that the witness has only in the world; this is what
  portals and filters do. Networks that are known to answer so rightly are named as `internal`;
- "no such name", or no address, where the witness has addresses;
- addresses where the witness has no such name; where it only has none of this kind, nothing is said.

A translated address is none (DNS64: an IPv4 address of the name stands in the IPv6 one), and a witness's translated
address proves nothing: whoever does not translate rightly has none.
"""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent.net.nat64 import LENGTHS, extract

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ANSWERS: Final = ("noerror", "nxdomain")
_WORDS: Final = {
    "nowhere": "{0} is nobody's address",
    "inside": "{0} inside this network, where the witness has {1}",
    "no_name": "no such name, where the witness has {1}",
    "no_address": "no address, where the witness has {1}",
    "invented": "{0}, where the witness has no such name",
    "inside_alone": "{0} inside this network, where the witness has none",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: the rcode in lower case, and the addresses in it."""

    rcode: str
    addresses: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether it says what there is, or that there is nothing; the other codes tell of trouble."""
        return self.rcode in _ANSWERS


How = Literal["nowhere", "inside", "no_name", "no_address", "invented", "inside_alone"]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What is wrong: how, the address that was said, and an address of the witness; None where there is none."""

    how: How
    said: str | None = None
    witness: str | None = None

    @property
    def words(self) -> str:
        """The same for people."""
        return _WORDS[self.how].format(self.said, self.witness)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lie` None: it cannot be told. `why`: what contradicts, of a lie only."""

    lie: bool | None
    why: Contradiction | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known: networks that rightly answer for names, and IPv4 addresses of the name, for DNS64."""

    internal: tuple[Network, ...] = ()
    ipv4: tuple[str, ...] = ()


def judge(said: Said, witness: Said | None, context: Context | None = None) -> Verdict:
    """Compare an answer with the witness's; without one only impossible addresses are a lie."""
    context = context or Context()
    if not said.decided:
        return Verdict(None)
    heard = witness if witness is not None and witness.decided else None
    if heard is not None and set(said.addresses) & set(heard.addresses):
        return Verdict(lie=False)
    own = [address for address in said.addresses if not _is_within(address, context.internal)]
    nowhere = [address for address in own if _is_nowhere(address)]
    if nowhere:
        return Verdict(lie=True, why=Contradiction("nowhere", nowhere[0]))
    if heard is None:
        return Verdict(None)
    heard = Said(heard.rcode, tuple(one for one in heard.addresses if not _is_translated(one, context.ipv4)))
    return _beside(said, heard, own, context) if heard.addresses else _beside_nothing(heard, own, context)


def _beside(said: Said, heard: Said, own: Sequence[str], context: Context) -> Verdict:
    """The witness has addresses, and none of them is among those said."""
    if not said.addresses:
        how: How = "no_name" if said.rcode == "nxdomain" else "no_address"
        return Verdict(lie=True, why=Contradiction(how, witness=heard.addresses[0]))
    inside = [address for address in own if _is_inside(address) and not _is_translated(address, context.ipv4)]
    if inside and not any(_is_inside(address) for address in heard.addresses):
        return Verdict(lie=True, why=Contradiction("inside", inside[0], heard.addresses[0]))
    return Verdict(lie=False)


def _beside_nothing(heard: Said, own: Sequence[str], context: Context) -> Verdict:
    """The witness has no address for the name, or no such name."""
    strange = [address for address in own if not _is_translated(address, context.ipv4)]
    if not strange:
        return Verdict(lie=False)
    if heard.rcode == "nxdomain":
        return Verdict(lie=True, why=Contradiction("invented", strange[0]))
    inside = [address for address in strange if _is_inside(address)]
    if inside:
        return Verdict(lie=True, why=Contradiction("inside_alone", inside[0]))
    return Verdict(None)


def rewrites(answers: Collection[Said]) -> bool | None:
    """Whether names that cannot exist got an address; None if no answer to such a question came."""
    decided = [said for said in answers if said.decided]
    return any(said.addresses for said in decided) if decided else None


def is_portal(known: Mapping[str, Said], nobody: Collection[Said]) -> bool:
    """Whether every name leads to one place: two names that exist and one that cannot get the same address.

    This is how a captive portal works that sits in the name server.
    """
    places = {address for said in nobody for address in said.addresses}
    for place in places:
        led = [said for said in known.values() if place in said.addresses]
        if len(led) >= 2 and len(led) == sum(1 for said in known.values() if said.addresses):  # noqa: PLR2004 - two names
            return True
    return False


def _is_within(address: str, networks: Collection[Network]) -> bool:
    found = ipaddress.ip_address(address)
    return any(found.version == network.version and found in network for network in networks)


def _is_nowhere(address: str) -> bool:
    found = ipaddress.ip_address(address)
    if found.is_loopback or found.is_unspecified or found.is_link_local or found.is_multicast:
        return True
    return found.version == 4 and found.is_reserved  # noqa: PLR2004 - in IPv6 "reserved" is most of the space


def _is_inside(address: str) -> bool:
    return not ipaddress.ip_address(address).is_global


def _is_translated(address: str, ipv4: Collection[str]) -> bool:
    if ":" not in address:
        return False
    return any(str(extract(address, length)) in ipv4 for length in LENGTHS)
