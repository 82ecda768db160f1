"""The card of a path: what a technician reads of it, in both languages."""

from pathlib import Path as File
from typing import Any

import pytest

from agent.card_path import rows
from agent.wire.codec import Accepted, decode_reports
from agent.wire.failure import Failure
from agent.wire.path import Hop, Path
from agent.words import say

SAMPLES = File(__file__).parents[1] / "contract/samples/v1"
HOME = Hop(ttl=1, address="192.168.1.1", rtt_ms=0.6, loss_ratio=0.0, part="lan")
EDGE = Hop(ttl=2, address="203.0.113.1", rtt_ms=7.2, loss_ratio=0.0, part="provider")
PEER = Hop(ttl=4, address="192.0.2.7", rtt_ms=9.3, loss_ratio=0.0, part="destination")
SILENT = Failure(stage="connect", reason="timeout", detail="nobody answered beyond 192.168.1.1 at distance 1")


def card(result: Path, tongue: Any = "en") -> list[str]:  # noqa: ANN401 - a literal
    return [f"{row.label}: {row.value}" if row.label else f"  {row.value}" for row in rows(result, tongue) if row.value]


def drawn(result: Path) -> list[str]:
    """The picture alone: the part, or nothing where it goes on, and the line."""
    lines = card(result)
    begin = next(place for place, line in enumerate(lines) if line.startswith("Site's own network"))
    until = next(place for place, line in enumerate(lines) if line.startswith(("First router", "Provider's", "Method")))
    return lines[begin:until]


def test_a_way_to_its_end() -> None:
    hops = [HOME, EDGE, Hop(ttl=3, loss_ratio=1.0), PEER]
    result = Path(
        method="udp", reached=True, hops_count=4, ends_at=4, rtt_ms=9.3, changed=True, first_hop_rtt_ms=0.61,
        first_hop_loss_ratio=0.0, provider_hop_rtt_ms=7.2, provider_hop_loss_ratio=0.05, hops=hops,
    )  # fmt: skip
    assert card(result) == [
        "State: reached at distance 4, 9.3 ms · another way than before",
        "Site's own network: ✓  1  192.168.1.1  0.6 ms",
        "Access line: ✓",
        "Provider: ✓  2  203.0.113.1  7.2 ms",
        "  ·  3  no answer",
        "Destination: ✓  4  192.0.2.7  9.3 ms",
        "First router: 0.6 ms · lost 0%",
        "Provider's router: 7.2 ms · lost 5%",
        "Method: udp",
    ]


@pytest.mark.parametrize(
    ("result", "picture", "whose"),
    [
        pytest.param(
            Path(method="udp", reached=False, domain="lan", failure=SILENT, hops=[Hop(ttl=1, loss_ratio=1.0)]),
            ["Site's own network: ✗  1  no answer", "Access line: ·", "Provider: ·", "Destination: ·"],
            "Site's own network",
            id="lan",
        ),
        pytest.param(
            Path(
                method="udp",
                reached=False,
                ends_at=1,
                domain="access",
                failure=SILENT,
                hops=[HOME, Hop(ttl=2, loss_ratio=1.0)],
            ),
            [
                "Site's own network: ✓  1  192.168.1.1  0.6 ms",
                "Access line: ✗  2  no answer",
                "Provider: ·",
                "Destination: ·",
            ],
            "Access line",
            id="access",
        ),
        pytest.param(
            Path(
                method="udp",
                reached=False,
                ends_at=3,
                domain="provider",
                failure=SILENT,
                hops=[HOME, EDGE, Hop(ttl=3, address="203.0.113.1", rtt_ms=7.0, part="provider", said="prohibited")],
            ),
            [
                "Site's own network: ✓  1  192.168.1.1  0.6 ms",
                "Access line: ✓",
                "Provider: ✓  2  203.0.113.1  7.2 ms",
                "  ✗  3  203.0.113.1  7.0 ms  forbidden by a filter",
                "Destination: ·",
            ],
            "Provider",
            id="provider, who says so",
        ),
        pytest.param(
            Path(
                method="udp",
                reached=False,
                ends_at=2,
                domain="destination",
                failure=SILENT,
                hops=[HOME, EDGE, Hop(ttl=3, loss_ratio=1.0)],
            ),
            [
                "Site's own network: ✓  1  192.168.1.1  0.6 ms",
                "Access line: ✓",
                "Provider: ✓  2  203.0.113.1  7.2 ms",
                "Destination: ✗  3  no answer",
            ],
            "Destination",
            id="destination",
        ),
        pytest.param(
            Path(method="udp", reached=False, ends_at=1, failure=SILENT, hops=[HOME, Hop(ttl=2, loss_ratio=1.0)]),
            [
                "Site's own network: ✓  1  192.168.1.1  0.6 ms",
                "Access line: ?",
                "Provider: ?",
                "Destination: ✗  no answer",
            ],
            "cannot be told",
            id="nobody knows",
        ),
    ],
)
def test_where_it_ends(result: Path, picture: list[str], whose: str) -> None:
    assert drawn(result) == picture
    lines = card(result)
    assert f"Fault in: {whose}" in lines
    said = next((hop for hop in result.hops or [] if hop.said), None)
    last = next((hop for hop in result.hops or [] if hop.ttl == result.ends_at), None)
    where = "" if last is None else f" · {last.address} says so" if said else f" · beyond {last.address}"
    assert f"Why: no answer in time{where}" in lines
    assert lines[-1].startswith("Check: ")


def test_a_peer_that_answers_where_the_way_does_not_show() -> None:
    result = Path(method="udp", reached=True, ends_at=1, rtt_ms=8.0, hops=[HOME, Hop(ttl=2, loss_ratio=1.0)])
    assert drawn(result) == [
        "Site's own network: ✓  1  192.168.1.1  0.6 ms",
        "Access line: ✓",
        "Provider: ✓",
        "Destination: ✓",
    ]
    assert card(result)[0] == "State: the peer answers, though not all of the way shows, 8.0 ms"


@pytest.mark.parametrize(
    ("reason", "domain", "advice"),
    [
        ("prohibited", "lan", "Check: a filter forbids it there"),
        ("refused", "destination", "Check: a filter forbids it there"),
        ("timeout", "lan", "Check: this site's own"),
        ("prohibited", None, "Check: is the peer up?"),
    ],
)
def test_a_filter_is_asked_about_where_it_is_known_whose(reason: str, domain: str | None, advice: str) -> None:
    said = Failure(stage="connect", reason=reason)
    assert card(Path(method="udp", reached=False, domain=domain, failure=said))[-1].startswith(advice)


def test_an_address_of_an_earlier_run_is_said() -> None:
    result = Path(method="udp", reached=False, ends_at=1, domain="access", failure=SILENT, remembered=True, hops=[HOME])
    assert card(result)[0] == "State: ends at distance 1 · no name server answers: asked at its last known address"


def test_a_peer_on_the_same_link_has_no_parts_before_it() -> None:
    peer = Hop(ttl=1, address="192.168.1.9", rtt_ms=0.3, part="destination")
    lines = card(Path(method="udp", reached=True, hops_count=1, ends_at=1, rtt_ms=0.3, hops=[peer]))
    assert lines == [
        "State: reached at distance 1, 0.3 ms",
        "Destination: ✓  1  192.168.1.9  0.3 ms",
        "Method: udp",
    ]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("report-path*.json")), ids=lambda path: path.stem)
def test_every_sample_has_a_card_in_vietnamese(path: File) -> None:
    (decoded,) = decode_reports(path.read_bytes())
    assert isinstance(decoded, Accepted)
    result = decoded.report.result
    assert isinstance(result, Path)
    words = "\n".join(card(result, "vi"))
    assert "Mạng nội bộ" in words
    assert "no answer" not in words
    if result.failure is not None:
        assert "Cần kiểm tra" in words


def test_a_bare_result_has_a_card() -> None:
    assert card(Path(method="udp", reached=False))[0] == "State: nobody on the way answers"


def test_every_part_has_words() -> None:
    for part in ("lan", "access", "provider", "destination"):
        assert say(f"part:{part}", "en") != part
        assert say(f"part:{part}", "vi") != say(f"part:{part}", "en")
