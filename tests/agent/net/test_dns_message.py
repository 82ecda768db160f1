"""Questions and answers against dnspython's, and bytes that are made to hurt."""

import contextlib
import struct
import time

import pytest
from dns import flags, message, rcode, rdatatype, rrset
from hypothesis import given
from hypothesis import strategies as st

from agent.net.dns_message import MessageError, Question, decode, encode, is_answer

ASKED = Question("www.Example")
HEAD = struct.Struct("!HHHHHH")


def answered(*lines: str, code: rcode.Rcode = rcode.NOERROR, question: Question = ASKED) -> message.Message:
    answer = message.make_response(message.from_wire(encode(question, 7)))
    answer.set_rcode(code)
    for line in lines:
        name, kind, value = line.split(" ", 2)
        answer.answer.append(rrset.from_text(name, 60, "IN", kind, value))
    return answer


@pytest.mark.parametrize("name", ["example", "a.b.example.", ".", "bücher.example", "x" * 63 + ".example"])
@pytest.mark.parametrize("kind", ["A", "AAAA", "SOA", "HTTPS"])
def test_a_question_is_what_dnspython_reads(name: str, kind: str) -> None:
    read = message.from_wire(encode(Question(name, kind, dnssec=True, unchecked=True), 4711))
    assert (read.id, rdatatype.to_text(read.question[0].rdtype)) == (4711, kind)
    assert read.question[0].name.to_unicode().rstrip(".") == name.rstrip(".")
    assert (read.ednsflags, read.payload) == (flags.DO, 1232)
    assert read.flags == flags.RD | flags.AD | flags.CD


def test_a_plain_question_wants_no_signatures() -> None:
    read = message.from_wire(encode(ASKED, 0))
    assert (read.ednsflags, read.flags) == (0, flags.RD | flags.AD)


@pytest.mark.parametrize("name", ["a..example", ".example", "x" * 64, ".".join(["x" * 60] * 5), "\udcff.example"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(MessageError):
        encode(Question(name), 1)


def test_an_answer_with_aliases_and_signatures() -> None:
    answer = answered(
        "www.example. CNAME host.example.",
        "host.example. A 192.0.2.1",
        "host.example. A 192.0.2.2",
        "host.example. AAAA 2001:db8::1",
        "host.example. RRSIG A 8 2 60 20300101000000 20200101000000 1 example. AAAA",
    )
    answer.flags |= flags.AD | flags.RA
    read = decode(answer.to_wire())
    assert read.addresses("A") == ["192.0.2.1", "192.0.2.2"]
    assert read.addresses("AAAA") == ["2001:db8::1"]
    assert (read.rcode, read.name, read.records[0].text) == ("noerror", "www.example", "host.example")
    assert (read.signed, read.authentic, read.recursion, read.authoritative, read.truncated) == (
        True,
        True,
        True,
        False,
        False,
    )
    assert is_answer(read, ASKED, 7)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (rcode.NXDOMAIN, "nxdomain"),
        (rcode.REFUSED, "refused"),
        (rcode.BADVERS, "badvers"),
        (rcode.Rcode(11), "rcode_11"),
    ],
)
def test_codes_have_words(code: rcode.Rcode, word: str) -> None:
    assert decode(answered(code=code).to_wire()).rcode == word


def test_whose_answer_it_is() -> None:
    read = decode(answered("www.example. A 192.0.2.1").to_wire())
    assert is_answer(read, Question("WWW.example."), 7)
    assert not is_answer(read, ASKED, 8)
    assert not is_answer(read, Question("www.example", "AAAA"), 7)
    assert not is_answer(read, Question("ww.example"), 7)
    assert not is_answer(decode(encode(ASKED, 7)), ASKED, 7), "a question sent back is no answer"


def test_an_error_may_leave_the_question_out_but_an_answer_may_not() -> None:
    assert is_answer(decode(HEAD.pack(7, 0x8181, 0, 0, 0, 0)), ASKED, 7)
    assert not is_answer(decode(HEAD.pack(7, 0x8180, 0, 0, 0, 0)), ASKED, 7)


def test_a_truncated_answer_gives_what_is_whole() -> None:
    answer = answered("www.example. A 192.0.2.1", "www.example. AAAA 2001:db8::1")
    answer.flags |= flags.TC
    answer.use_edns(edns=False)
    read = decode(answer.to_wire()[:-3])
    assert (read.truncated, read.addresses("A"), read.addresses("AAAA")) == (True, ["192.0.2.1"], [])
    answer.flags &= ~flags.TC
    with pytest.raises(MessageError):
        decode(answer.to_wire()[:-3])


@pytest.mark.parametrize(
    "body",
    [
        b"\xc0\x0c\0\1\0\1",  # a name that points to itself
        b"\1a\xc0\x0c\0\1\0\1",  # and one that comes round
        b"\xc0\xff\0\1\0\1",  # beyond the end
        b"\xc0",
        b"\x40a\0\0\1\0\1",  # a label of no known kind
        b"\1a" * 200 + b"\0\0\1\0\1",  # too long
        b"\1a\0\0",
        b"",
    ],
)
def test_names_that_lead_nowhere(body: bytes) -> None:
    with pytest.raises(MessageError):
        decode(HEAD.pack(7, 0x8180, 1, 0, 0, 0) + body)


def record(name: bytes, kind: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def pointer(at: int) -> bytes:
    return struct.pack("!H", 0xC000 | at)


def test_a_hall_of_pointers_costs_no_time() -> None:
    begin = HEAD.size + len(record(b"\0", 16, b""))
    chain = b"\0" + pointer(begin) + b"".join(pointer(begin + 1 + 2 * step) for step in range(7000))
    for jumps, harmless in ((100, True), (7000, False)):
        alias = record(pointer(begin + 1), 5, pointer(begin + 1 + 2 * jumps))
        wire = HEAD.pack(7, 0x8180, 0, 391, 0, 0) + record(b"\0", 16, chain) + alias * 390
        begun = time.process_time()
        with contextlib.nullcontext() if harmless else pytest.raises(MessageError):
            assert decode(wire).records[5].text == ""
        assert time.process_time() - begun < 2


@pytest.mark.parametrize("counts", [(2, 0, 0, 0), (0, 65535, 65535, 65535), (1, 1, 0, 0)])
def test_counts_that_are_not_true(counts: tuple[int, ...]) -> None:
    with pytest.raises(MessageError):
        decode(HEAD.pack(7, 0x8180, *counts) + b"\1a\0\0\1\0\1")


def test_letters_that_are_none_are_written_as_numbers() -> None:
    wire = HEAD.pack(7, 0x8180, 1, 0, 0, 0) + b"\4a.\x1b[\0\0\1\0\1"
    assert decode(wire).name == "a\\046\\027\\091"


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(wire: bytes) -> None:
    for payload in (wire, HEAD.pack(7, 0x8180, 1, 3, 0, 1) + wire):
        with contextlib.suppress(MessageError):
            is_answer(decode(payload), ASKED, 7)
