"""The cards of names and of pages: what a technician reads of them, in both languages."""

import re
from pathlib import Path
from typing import Any

import pytest

from agent import card_dns, card_web
from agent.card_row import Row
from agent.wire.codec import Accepted, decode_reports
from agent.wire.dns import Answer, Contradiction, Dns, Resolver
from agent.wire.failure import Failure
from agent.wire.web import Page, Web
from agent.words import say
from agent.words_services import WORDS

WORLD = "203.0.114.5"
SAMPLES = Path(__file__).parents[1] / "contract/samples/v1"


def read(rows: list[Row]) -> list[str]:
    return [f"{row.label}: {row.value}" if row.label else f"  {row.value}" for row in rows if row.value]


def dns_card(result: Dns, tongue: Any = "en") -> list[str]:  # noqa: ANN401 - a literal
    return read(card_dns.rows(result, tongue))


def web_card(result: Web, tongue: Any = "en") -> list[str]:  # noqa: ANN401 - a literal
    return read(card_web.rows(result, tongue))


def resolver(address: str, transport: str, *, ms: float | None = None, reason: str = "", **more: Any) -> Resolver:  # noqa: ANN401 - as they are
    failure = Failure("resolve", reason, more.pop("detail", None)) if reason else None
    answer = Answer("www.example", "a", ms=ms, rcode="noerror" if ms else None, failure=failure)
    return Resolver(address, "ipv4", transport, median_ms=ms, answers=[answer], **more)


def test_a_healthy_resolver() -> None:
    result = Dns(
        median_ms=8.42, answered=6, asked=6, lies=False, rewrites_nxdomain=False, passes_dnssec=True, validates=True,
        resolvers=[
            resolver("192.168.1.1", "udp", ms=8.42), resolver("192.168.1.1", "tcp", ms=12),
            resolver("9.9.9.9", "udp", ms=22, reference=True), resolver("9.9.9.9", "tcp", ms=44, reference=True),
        ],
    )  # fmt: skip
    assert dns_card(result) == [
        "This device's resolver: 192.168.1.1 · median 8.4 ms · 6 of 6 questions answered",
        "Resolvers: ✓ 192.168.1.1  UDP 8.4 ms · TCP 12.0 ms",
        "  ✓ 9.9.9.9  UDP 22.0 ms · TCP 44.0 ms · for comparison",
        "Answers: ✓ agree with the reference",
        "Signatures (DNSSEC): ✓ checked by the resolver",
    ]


def test_a_resolver_that_lies() -> None:
    lie = Failure("resolve", "lie", "in words of an agent of later")
    answers = [
        Answer("www.example", "a", 1, "noerror", failure=lie, contradiction=Contradiction("inside", "10.1.2.3", WORLD)),
        Answer("old.example", "a", 1, "noerror", failure=lie, contradiction=Contradiction("newer")),
    ]
    result = Dns(
        median_ms=1, lies=True, rewrites_nxdomain=True, passes_dnssec=False, validates=False, consistent=False,
        resolvers=[Resolver("192.168.1.1", "ipv4", "udp", median_ms=1, answers=answers)],
    )  # fmt: skip
    card = dns_card(result)
    assert "    www.example A: 10.1.2.3, địa chỉ trong mạng nội bộ; máy đối chiếu: 203.0.114.5" in dns_card(
        result, "vi"
    )
    assert card[2:] == [
        "Answers: ✗ not as the world knows it",
        "    www.example A: 10.1.2.3, an address inside this network; to compare with: 203.0.114.5",
        "    old.example A: in words of an agent of later",
        "  ✗ the resolvers contradict each other",
        "  ✗ names that do not exist lead somewhere (advertising or sign-in page)",
        "Signatures (DNSSEC): ✗ do not come through",
        card[-1],
    ]
    assert card[-1].startswith("Check: ask who runs 192.168.1.1")


def test_a_resolver_that_is_dead() -> None:
    result = Dns(
        answered=2, asked=4, domain="lan",
        resolvers=[
            resolver("192.168.1.1", "udp", reason="timeout"), resolver("192.168.1.1", "tcp", reason="refused"),
            resolver("192.0.2.1", "udp", ms=5),
        ],
    )  # fmt: skip
    card = dns_card(result)
    assert card[:5] == [
        "This device's resolver: 192.168.1.1 · ✗ does not answer",
        "Resolvers: ✗ 192.168.1.1  UDP ✗ no answer in time · TCP ✗ refused",
        "  ✓ 192.0.2.1  UDP 5.0 ms",
        "Answers: · not compared: no other resolver is set for it (--reference ADDRESS)",
        "Fault in: Site's own network",
    ]
    assert "is 192.168.1.1 the right resolver" in card[-1]


@pytest.mark.parametrize(
    ("reason", "mark"),
    [("nxdomain", "there is no such name"), ("servfail", "the name server does not work")],
)
def test_a_resolver_that_answers_and_is_of_no_use(reason: str, mark: str) -> None:
    failure = Failure("resolve", reason)
    answers = [
        Answer(name, record, 0.3, reason, failure=failure) for name in ("one.vn", "two.vn") for record in ("a", "aaaa")
    ]
    result = Dns(
        median_ms=0.3, answered=4, asked=4, resolved=0,
        resolvers=[Resolver("10.0.0.1", "ipv4", "udp", median_ms=0.3, answers=answers)],
    )  # fmt: skip
    assert dns_card(result) == [
        "This device's resolver: 10.0.0.1 · median 0.3 ms · 4 of 4 questions answered",
        f"Resolvers: ✗ 10.0.0.1  UDP 0.3 ms ✗ {mark}",
        "Answers: · not compared: no other resolver is set for it (--reference ADDRESS)",
        f"  ✗ {mark}: one.vn, two.vn",
        (
            "Check: 10.0.0.1 answers, but with nothing of use: does it reach the internet,"
            " or does it let no name through?"
        ),
    ]


def test_the_fault_of_a_resolver_is_not_called_the_destinations() -> None:
    result = Dns(domain="destination", resolvers=[resolver("192.0.2.1", "udp", reason="timeout")])
    assert "Fault in: that resolver itself, or a filter before it" in dns_card(result)


GOOD = Page(
    "https://dichvucong.gov.vn/", "ipv6", "2001:db8::1", 200, resolve_ms=9, connect_ms=31, tls_ms=75,
    first_byte_ms=180, total_ms=412, bytes=48_211, certificate_days=61, redirects=1,
)  # fmt: skip


def test_pages_that_come() -> None:
    soon = Page("http://moh.gov.vn/a", "ipv4", status=200, first_byte_ms=5, bytes=900, certificate_days=9.6, cut=True)
    assert web_card(Web(2, 0, total_ms=412, captive_portal=False, pages=[GOOD, soon])) == [
        "State: 2 of 2 pages came · median 412 ms",
        "Pages: ✓ dichvucong.gov.vn  412 ms · first byte 180 ms · 48 kB · redirects: 1 · IPv6",
        "  ✓ moh.gov.vn/a · first byte 5 ms · cut at 900 B · certificate 10 days · IPv4",
        "Sign-in page: ✓ none",
    ]


@pytest.mark.parametrize(
    ("page", "line", "check"),
    [
        (
            Page(
                "https://a/",
                "ipv4",
                certificate_days=-2.5,
                failure=Failure("tls", "bad_certificate", "certificate has expired"),
            ),
            (
                "a  setting up encryption (TLS): the certificate is not valid (certificate has expired)"
                " · certificate expired 2 days ago · IPv4"
            ),
            "this device's clock",
        ),
        (Page("https://a/", failure=Failure("peer", "busy", "HTTP 503")), "a  HTTP 503", "the line works"),
        (
            Page("https://a/", failure=Failure("connect", "refused")),
            "a  connecting to the page's server: refused",
            "does the page open on another line?",
        ),
        (
            Page("https://a/", failure=Failure("resolve", "servfail", "x")),
            "a  looking up the name (DNS): the name server does not work",
            "probe dns",
        ),
        (Page("https://a/", failure=Failure("transfer", "timeout")), "a  moving data: no answer in time", "try again"),
        (Page("https://a/", failure=Failure("newer", "word")), "a  newer: word", "try again"),
        (
            Page("https://a/", failure=Failure("handshake", "captive_portal", "sent on to 10.0.0.1")),
            "a  waiting for the page: a sign-in page is in the way",
            "sign in on that page",
        ),
    ],
)
def test_a_page_that_does_not_come(page: Page, line: str, check: str) -> None:
    card = web_card(Web(0, 1, pages=[page]))
    assert card[:3] == ["State: 0 of 1 pages came", f"Pages: ✗ {line}", "Sign-in page: · could not be told"]
    assert check in card[-1]


def test_pages_that_fail_alike_go_on_one_line() -> None:
    failure = Failure("resolve", "no_route")
    pages = [Page("https://a/", failure=failure), Page("https://b/", failure=failure), Page("https://c/", total_ms=9)]
    card = web_card(Web(1, 2, pages=pages))
    assert card[1:3] == ["Pages: ✗ looking up the name (DNS): no route: a, b", "  ✓ c  9 ms"]
    assert card[-1] == "Check: is the cable in, and has this device an address?"


def test_a_portal_comes_before_all_else() -> None:
    failed = Page("https://a/", failure=Failure("connect", "timeout"))
    card = web_card(Web(0, 1, captive_portal=True, portal_url="http://login.example/", pages=[failed]))
    assert card[2:] == [
        "Sign-in page: ✗ in the way http://login.example/",
        "Check: sign in on that page once, or have this device exempted from it",
    ]


@pytest.mark.parametrize("kind", ["dns", "web"])
def test_the_samples_in_both_languages(kind: str) -> None:
    for path in SAMPLES.glob(f"report-{kind}*.json"):
        (read_,) = decode_reports(path.read_bytes())
        assert isinstance(read_, Accepted)
        result: Any = read_.report.result
        card: Any = dns_card if kind == "dns" else web_card
        english, vietnamese = (card(result, tongue) for tongue in ("en", "vi"))
        assert english
        assert len(english) == len(vietnamese)
        assert all(one != other for one, other in zip(english, vietnamese, strict=True) if "✓" not in one)


def test_every_word_is_there_in_both_languages() -> None:
    for key, (english, vietnamese) in WORDS.items():
        assert (say(key, "en"), say(key, "vi")) == (english, vietnamese)
        assert english != vietnamese
        assert sorted(re.findall(r"{\d?}", english)) == sorted(re.findall(r"{\d?}", vietnamese))
