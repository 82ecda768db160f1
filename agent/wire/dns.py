"""What a `dns` report says: each resolver asked over each transport, beside a reference, and what does not agree.

Units stand in names; absent means not measured and is never written as zero. Rules of change: add optional fields only.
"""

from typing import Annotated

import msgspec

from agent.wire.failure import Failure, Word

Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class Contradiction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an answer is taken for a lie, beside a witness: the reference, or the same resolver over TCP.

    `how`: `nowhere` (`said` is nobody's address), `inside` (`said` is inside this network, the witness has `witness`),
    `no_name` or `no_address` (the witness has `witness`), `invented` (the witness has no such name), `inside_alone`
    (the witness has no address).
    """

    how: Word
    said: Text | None = None
    witness: Text | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One question to one resolver: what it said, in which time, or why nothing came.

    `rcode` is DNS's own word in lower case (`noerror`, `nxdomain`, `servfail`); `addresses` are those of the answer, at
    most 8; `authentic`: the AD bit was set; `truncated`: UDP carried only part of it, and TCP was asked for the rest.
    With an rcode there is an answer, and a `failure` then says why it is of no use: nxdomain, servfail, refused, lie;
    `contradiction` says of a lie what contradicts.
    """

    name: Text
    record: Word
    ms: Positive | None = None
    rcode: Word | None = None
    addresses: Annotated[list[Text], msgspec.Meta(max_length=8)] | None = None
    authentic: bool | None = None
    failure: Failure | None = None
    truncated: bool | None = None
    contradiction: Contradiction | None = None


class Resolver(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One resolver over one transport. `transport`: udp or tcp; `family` is that of the resolver's own address.

    `lies`: it gave an answer that the reference contradicts; `rewrites_nxdomain`: a name that cannot exist got an
    address; `passes_dnssec`: it handed signatures through, `validates`: it refused a name whose signature is wrong.
    """

    address: Text
    family: Word
    transport: Word
    reference: bool = False
    median_ms: Positive | None = None
    lies: bool | None = None
    rewrites_nxdomain: bool | None = None
    passes_dnssec: bool | None = None
    validates: bool | None = None
    answers: Annotated[list[Answer], msgspec.Meta(max_length=40)] | None = None


class Dns(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Name resolution at the site: the numbers of the resolver that the device itself would use first, then all.

    `asked` and `answered` count the questions for names to all resolvers but the reference; `resolved`: those whose
    answer says that the name exists, and is no lie. `lies` is absent without a reference, but for what cannot be true
    whoever says it; `consistent`: no resolver contradicts another. `domain`, if the first resolver is silent: whose
    part fails; `destination` is then that resolver, or a filter before it. `abridged`: of answers that are as they
    should be not all are listed, so that the report is not too large.
    """

    median_ms: Positive | None = None
    answered: Count | None = None
    asked: Count | None = None
    lies: bool | None = None
    rewrites_nxdomain: bool | None = None
    passes_dnssec: bool | None = None
    validates: bool | None = None
    domain: Word | None = None
    resolvers: Annotated[list[Resolver], msgspec.Meta(max_length=20)] | None = None
    consistent: bool | None = None
    resolved: Count | None = None
    abridged: bool | None = None
