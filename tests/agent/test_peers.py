"""Which peer a run goes to."""

import pytest

from agent.config import LatencySettings, PeerSettings, ThroughputSettings
from agent.errors import UsageError
from agent.peers import options_for, peer_for

MSAK, OTHER, STAMP, IPERF = "msak+wss://a:1", "b:2", "stamp://c:3", "iperf3://d:4"


@pytest.mark.parametrize(
    ("kind", "urls", "turns"),
    [
        ("throughput", [STAMP, MSAK, OTHER], [MSAK, OTHER, MSAK]),
        ("throughput", [IPERF, MSAK], [MSAK, MSAK, MSAK]),
        ("throughput", [IPERF], [IPERF, IPERF, IPERF]),
        ("latency", [MSAK, STAMP], [STAMP, STAMP, STAMP]),
        ("latency", [MSAK], [MSAK, MSAK, MSAK]),
        ("ipv6", [STAMP, IPERF, MSAK], [IPERF, MSAK, IPERF]),
    ],
)
def test_the_best_fitting_take_turns(kind: str, urls: list[str], turns: list[str]) -> None:
    assert [peer_for(kind, urls, turn=turn) for turn in (0, 1, 2)] == turns


@pytest.mark.parametrize(
    ("kind", "urls"), [("throughput", [STAMP]), ("ipv6", [STAMP]), ("latency", []), ("radar", [MSAK])]
)
def test_none_that_fits_is_said(kind: str, urls: list[str]) -> None:
    with pytest.raises(UsageError, match=f"no peer for {kind}"):
        peer_for(kind, urls)


def test_the_authority_goes_to_where_tls_is_spoken() -> None:
    peer = PeerSettings(urls=[MSAK], ca="/ca.pem")
    assert options_for("throughput", ThroughputSettings(), peer) == {"ca": "/ca.pem"}
    assert options_for("throughput", ThroughputSettings(options={"ca": "/own"}), peer) == {"ca": "/own"}
    assert options_for("latency", LatencySettings(options={"count": "1"}), peer) == {"count": "1"}
