"""From when to when a certificate is valid, read from its bytes (X.509, DER), whoever signed it. Pure; trusts nothing.

Python tells this only of a certificate that it has accepted; of one that is refused, people want to know it most.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_LONG_TIME: Final = 0x18
_CENTURY: Final = 50  # RFC 5280: two digits from 50 on mean 19..
_LENGTH_BYTES: Final = 4


class CertificateError(ValueError):
    """The bytes are no certificate; says why."""


class Validity(NamedTuple):
    """The moments from which and to which it is valid."""

    begins: datetime
    ends: datetime


class _Item(NamedTuple):
    tag: int
    begin: int
    end: int


def validity(der: bytes) -> Validity:
    """Give the period of a certificate; raises CertificateError."""
    whole = _item(der, 0, len(der), _SEQUENCE)
    inner = _item(der, whole.begin, whole.end, _SEQUENCE)
    at = inner.begin
    first = _item(der, at, inner.end)
    if first.tag == _VERSION:
        at = first.end
    for _ in ("serial", "signature", "issuer"):
        at = _item(der, at, inner.end).end
    period = _item(der, at, inner.end, _SEQUENCE)
    begins = _item(der, period.begin, period.end)
    ends = _item(der, begins.end, period.end)
    return Validity(_moment(der, begins), _moment(der, ends))


def _item(der: bytes, at: int, limit: int, tag: int | None = None) -> _Item:
    if at + 2 > limit:
        raise CertificateError("it ends too early")
    found, length = der[at], der[at + 1]
    begin = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= _LENGTH_BYTES or begin + count > limit:
            raise CertificateError("a length without sense")
        length = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    if begin + length > limit:
        raise CertificateError("a part is longer than the whole")
    if tag is not None and found != tag:
        raise CertificateError(f"a part of kind {found:#x} where {tag:#x} belongs")
    return _Item(found, begin, begin + length)


def _moment(der: bytes, item: _Item) -> datetime:
    text = der[item.begin : item.end].decode("ascii", "replace")
    try:
        if item.tag == _UTC_TIME:
            century = "19" if int(text[:2]) >= _CENTURY else "20"
            return datetime.strptime(century + text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
        if item.tag == _LONG_TIME:
            return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise CertificateError(f"{text[:20]!r} is no moment") from error
    raise CertificateError(f"a moment of kind {item.tag:#x}")
