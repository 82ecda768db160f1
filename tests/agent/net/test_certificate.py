"""When a certificate is valid, and bytes that are none."""

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.net.certificate import CertificateError, validity
from tests.agent.net.authority import authority


def sequence(*parts: bytes, tag: int = 0x30) -> bytes:
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


def certificate(*moments: bytes, version: bool = True) -> bytes:
    head = [sequence(b"\2\1\2", tag=0xA0)] if version else []
    return sequence(sequence(*head, b"\2\1\1", sequence(), sequence(), sequence(*moments)))


def moment(text: str) -> bytes:
    return sequence(text.encode(), tag=0x17 if len(text) == 13 else 0x18)


@pytest.mark.program("openssl")
def test_of_certificates_that_openssl_made(tmp_path: Path) -> None:
    own = authority(tmp_path)
    now = datetime.now(UTC)
    for since_days, days in ((-1, 30), (-400, -100), (5, 20_000)):
        cert, _ = own.issue(since_days=since_days, days=days)
        read = validity(ssl.PEM_cert_to_DER_cert(cert.read_text("ascii")))
        assert abs(read.begins - now - timedelta(days=since_days)) < timedelta(seconds=60)
        assert abs(read.ends - now - timedelta(days=days)) < timedelta(seconds=60)


@pytest.mark.parametrize("version", [True, False])
def test_both_ways_to_write_a_moment(*, version: bool) -> None:
    read = validity(certificate(moment("500101000000Z"), moment("20500101000000Z"), version=version))
    assert (read.begins.year, read.ends.year) == (1950, 2050)
    assert validity(certificate(moment("490101000000Z"), moment("490101000000Z"))).begins.year == 2049


GOOD = certificate(moment("260101000000Z"), moment("270101000000Z"))


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x85\1\1\1\1\1",
        b"\x30\x84\xff\xff\xff\xff",
        b"not a certificate",
        GOOD[:-1],
        certificate(moment("260101000000Z")),
        certificate(moment("269901000000Z"), moment("270101000000Z")),
        certificate(moment("260101000000+"), moment("270101000000Z")),
        certificate(sequence(b"\xff" * 13, tag=0x17), moment("270101000000Z")),
        certificate(sequence(b"1", tag=2), moment("270101000000Z")),
    ],
)
def test_what_is_none(der: bytes) -> None:
    with pytest.raises(CertificateError):
        validity(der)


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_no_bytes_do_harm(noise: bytes, at: int) -> None:
    for der in (noise, GOOD[:at] + noise, GOOD[:at] + noise + GOOD[at + len(noise) :]):
        with contextlib.suppress(CertificateError):
            validity(der)
