"""A zone signed with ECDSA P-256 (RFC 6605), as text for a real name server; the signatures are openssl's."""

import base64
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from dns import dnssec, name, rdata, rdataclass, rdatatype, rrset
from dns.rdtypes.ANY.RRSIG import RRSIG

TTL: Final = 300
_ALGORITHM: Final = 13
_HALF: Final = 32
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key on disk, and the zone that it signs."""

    zone: str
    key: Path

    @property
    def dnskey(self) -> rdata.Rdata:
        """The public half, as a record."""
        told = _openssl("pkey", "-in", str(self.key), "-pubout", "-outform", "DER")
        public = base64.b64encode(told[-2 * _HALF :]).decode()
        return rdata.from_text(rdataclass.IN, rdatatype.DNSKEY, f"257 3 {_ALGORITHM} {public}")

    @property
    def anchor(self) -> str:
        """What a validating resolver is told to trust."""
        return f"{self.zone}. {TTL} IN DNSKEY {self.dnskey.to_text()}"

    def text(self, records: Sequence[tuple[str, str, str]], *, bogus: str = "") -> str:
        """Give the zone with its signatures and the proofs of what is not in it (NSEC).

        The signature of the name `bogus` is over something else.
        """
        apex = f"{self.zone}."
        soa = (apex, "SOA", f"ns.{apex} mail.{apex} 1 3600 600 86400 60")
        own = [soa, (apex, "NS", f"ns.{apex}"), (apex, "DNSKEY", self.dnskey.to_text()), *records]
        sets = [rrset.from_text(owner, TTL, "IN", kind, value) for owner, kind, value in [*own, *_proofs(own)]]
        lines = [one.to_text() for one in sets]
        for one in sets:
            signed = rrset.from_text(one.name, TTL, "IN", "A", "192.0.2.66") if one.name.to_text() == bogus else one
            lines.append(f"{one.name} {TTL} IN RRSIG {self._signature(signed).to_text()}")
        return "\n".join(lines) + "\n"

    def _signature(self, records: rrset.RRset) -> RRSIG:
        now = datetime.now(UTC)
        tag = dnssec.key_id(self.dnskey)  # type: ignore[arg-type] # it is one of a key
        begins, ends = (f"{moment:%Y%m%d%H%M%S}" for moment in (now - _DAY, now + 30 * _DAY))
        head = f"{rdatatype.to_text(records.rdtype)} {_ALGORITHM} {len(records.name.labels) - 1} {TTL}"
        empty = rdata.from_text(rdataclass.IN, rdatatype.RRSIG, f"{head} {ends} {begins} {tag} {self.zone}. AAAA")
        assert isinstance(empty, RRSIG)
        data = dnssec._make_rrsig_signature_data(records, empty, name.root)  # noqa: SLF001 - what RFC 4034 signs
        found = empty.replace(signature=_raw(_openssl("dgst", "-sha256", "-sign", str(self.key), data=data)))
        assert isinstance(found, RRSIG)
        return found


def _proofs(records: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Chain the names in their order, each with the types that it has."""
    owners = sorted({name.from_text(owner) for owner, _, _ in records})
    found = []
    for place, owner in enumerate(owners):
        kinds = sorted({kind for other, kind, _ in records if name.from_text(other) == owner} | {"NSEC", "RRSIG"})
        found.append((owner.to_text(), "NSEC", f"{owners[(place + 1) % len(owners)]} {' '.join(kinds)}"))
    return found


def signer(zone: str, folder: Path) -> Signer:
    """Make a key for a zone; needs the program openssl."""
    key = folder / f"{zone}.key"
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
    return Signer(zone, key)


def _raw(der: bytes) -> bytes:
    """Take the two numbers of a signature out of their wrapping."""
    first = der[4 : 4 + der[3]]
    at = 4 + der[3]
    second = der[at + 2 : at + 2 + der[at + 1]]
    return first[-_HALF:].rjust(_HALF, b"\0") + second[-_HALF:].rjust(_HALF, b"\0")


def _openssl(*words: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, input=data).stdout  # noqa: S603, S607 - our own words, no shell
