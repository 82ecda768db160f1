"""What is a lie, and what only looks like one."""

import ipaddress
import re

import pytest

from agent.net.dns_truth import Context, Contradiction, Said, Verdict, is_portal, judge, rewrites

WORLD, ELSEWHERE, INSIDE = "203.0.114.5", "8.8.4.4", "10.1.2.3"
WORLD6 = "2606:4700::1111"
NXDOMAIN, NODATA, BROKEN = Said("nxdomain"), Said("noerror"), Said("servfail")


def said(*addresses: str) -> Said:
    return Said("noerror", addresses)


@pytest.mark.parametrize(
    ("answer", "witness", "lie"),
    [
        # the same, or another place of the same service
        (said(WORLD), said(WORLD), False),
        (said(WORLD, ELSEWHERE), said(ELSEWHERE), False),
        (said(WORLD), said(ELSEWHERE), False),
        (said(INSIDE), said(INSIDE), False),
        (said(INSIDE), said("192.168.7.7"), False),
        (NXDOMAIN, NXDOMAIN, False),
        (NXDOMAIN, NODATA, False),
        (NODATA, NODATA, False),
        (NODATA, NXDOMAIN, False),
        (said(WORLD6), said("2a00::1"), False),
        # filtered, sent to a page of the network, or hidden
        (said(INSIDE), said(WORLD), True),
        (said("100.64.1.1"), said(WORLD), True),
        (said("fd00::1"), said(WORLD6), True),
        (NXDOMAIN, said(WORLD), True),
        (NODATA, said(WORLD), True),
        # made up
        (said(WORLD), NXDOMAIN, True),
        (said(INSIDE), NODATA, True),
        (said(WORLD), NODATA, None),
        # nobody's address, whoever is asked beside
        (said("0.0.0.0"), said(WORLD), True),  # noqa: S104 - an answer
        (said("0.0.0.0"), None, True),  # noqa: S104 - an answer
        (said("127.0.0.1"), NXDOMAIN, True),
        (said("::"), None, True),
        (said("::1"), BROKEN, True),
        (said("169.254.1.1"), None, True),
        (said("240.0.0.1"), None, True),
        (said("127.0.0.1"), said("127.0.0.1"), False),
        # it cannot be told
        (said(WORLD), None, None),
        (said(INSIDE), None, None),
        (NXDOMAIN, None, None),
        (said(WORLD), BROKEN, None),
        (BROKEN, said(WORLD), None),
        (Said("refused"), said(WORLD), None),
    ],
)
def test_one_answer_beside_another(answer: Said, witness: Said | None, *, lie: bool | None) -> None:
    verdict = judge(answer, witness)
    assert verdict.lie is lie
    assert (verdict.why is not None) is (lie is True)


@pytest.mark.parametrize("witness", [said(WORLD), NXDOMAIN, NODATA, None])
def test_a_network_that_answers_so_rightly(witness: Said | None) -> None:
    context = Context(internal=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")))
    assert judge(said(INSIDE), witness, context).lie is (None if witness is None else False)
    assert judge(said("192.168.1.1"), said(WORLD), context).lie is True


@pytest.mark.parametrize("address", ["64:ff9b::cb00:7205", "2001:db8:64::cb00:7205", "2001:db8:122:344:cb:72:500::"])
def test_a_translated_address_is_no_lie(address: str) -> None:
    context = Context(ipv4=(WORLD,))
    for witness in (NODATA, NXDOMAIN, said(WORLD6)):
        assert judge(said(address), witness, context) == Verdict(lie=False)
    assert judge(said(address), NXDOMAIN).lie is True


def test_who_does_not_translate_is_no_liar_beside_one_who_does() -> None:
    context = Context(ipv4=(WORLD,))
    translating = said("64:ff9b::cb00:7205")
    assert judge(NODATA, translating, context) == Verdict(lie=False)
    assert judge(NODATA, said("64:ff9b::cb00:7205", WORLD6), context).lie is True


@pytest.mark.parametrize(
    ("answer", "witness", "why", "words"),
    [
        (said("::1"), None, Contradiction("nowhere", "::1"), "::1 is nobody's address"),
        (said(INSIDE), said(WORLD), Contradiction("inside", INSIDE, WORLD), f"{INSIDE} inside .* has {WORLD}"),
        (NXDOMAIN, said(WORLD), Contradiction("no_name", None, WORLD), f"no such name, .* has {WORLD}"),
        (NODATA, said(WORLD), Contradiction("no_address", None, WORLD), f"no address, .* has {WORLD}"),
        (said(WORLD), NXDOMAIN, Contradiction("invented", WORLD), f"{WORLD}, .* no such name"),
        (said(INSIDE), NODATA, Contradiction("inside_alone", INSIDE), f"{INSIDE} inside .* has none"),
    ],
)
def test_what_contradicts(answer: Said, witness: Said | None, why: Contradiction, words: str) -> None:
    assert judge(answer, witness).why == why
    assert re.fullmatch(words, why.words)


def test_names_that_cannot_exist() -> None:
    assert rewrites([NXDOMAIN, said(WORLD)]) is True
    assert rewrites([NXDOMAIN, NODATA]) is False
    assert rewrites([BROKEN]) is None
    assert rewrites([]) is None


def test_one_place_for_every_name() -> None:
    here = said(INSIDE)
    assert is_portal({"a": here, "b": here}, [here])
    assert is_portal({"a": here, "b": here, "c": NXDOMAIN}, [here])
    assert not is_portal({"a": here, "b": said(WORLD)}, [here]), "an advertisement for misspelt names"
    assert not is_portal({"a": here}, [here]), "one name is too few"
    assert not is_portal({"a": here, "b": here}, [NXDOMAIN])
    assert not is_portal({}, [here])
