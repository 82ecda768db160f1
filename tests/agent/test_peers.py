"""Which peer a run goes to."""

import pytest

from agent.config import LatencySettings, PeerSettings, ThroughputSettings
from agent.errors import UsageError
from agent.peers import cautions, options_for, peer_for, turn_of

MSAK, OTHER, STAMP, IPERF = "msak+wss://a:1", "b:2", "stamp://c:3", "iperf3://d:4"
NDT7, LIBRE = "ndt7+wss://e:5", "librespeed+https://f/backend"


@pytest.mark.parametrize(
    ("kind", "urls", "turns"),
    [
        ("throughput", [STAMP, MSAK, OTHER], [MSAK, OTHER, MSAK]),
        ("throughput", [IPERF, MSAK], [MSAK, MSAK, MSAK]),
        ("throughput", [IPERF], [IPERF, IPERF, IPERF]),
        ("throughput", ["ookla:", "mlab:", NDT7], ["mlab:", NDT7, "mlab:"]),
        ("throughput", ["ookla:", LIBRE], [LIBRE, LIBRE, LIBRE]),
        ("throughput", ["ookla:"], ["ookla:", "ookla:", "ookla:"]),
        ("latency", [MSAK, STAMP], [STAMP, STAMP, STAMP]),
        ("latency", [MSAK], [MSAK, MSAK, MSAK]),
        ("latency", [IPERF, MSAK, LIBRE], [MSAK, MSAK, MSAK]),
        ("latency", [IPERF, LIBRE], [IPERF, LIBRE, IPERF]),
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


def test_both_families_take_turns_and_each_meets_every_peer() -> None:
    both = LatencySettings(family="both")
    assert [turn_of(both, slot) for slot in range(4)] == [("ipv4", 0), ("ipv6", 0), ("ipv4", 1), ("ipv6", 1)]
    assert turn_of(LatencySettings(), 7) == (None, 7)
    assert turn_of(LatencySettings(family="ipv6"), 7) == ("ipv6", 7)


def test_the_authority_goes_to_where_tls_is_spoken_to_a_server_of_ours() -> None:
    peer = PeerSettings(urls=[MSAK], ca="/ca.pem")
    assert options_for("throughput", ThroughputSettings(), peer, url=MSAK) == {"ca": "/ca.pem"}
    own = ThroughputSettings(options={"ca": "/own"})
    assert options_for("throughput", own, peer, url=MSAK) == {"ca": "/own"}
    assert options_for("throughput", ThroughputSettings(), peer, url="mlab:") == {}
    assert options_for("throughput", ThroughputSettings(), peer, url="ookla://7") == {}
    assert options_for("throughput", own, peer, url="mlab:") == {"ca": "/own"}
    assert options_for("latency", LatencySettings(options={"count": "1"}), peer, url=STAMP) == {"count": "1"}


@pytest.mark.parametrize(
    ("every_s", "urls", "own", "said"),
    [
        (14400, ["mlab:"], None, "6 runs a day with M-Lab, which allows 4"),
        (21600, ["mlab:"], None, None),
        (14400, [MSAK, "mlab:"], None, None),
        (14400, [MSAK], "mlab:", "Set every_s to 21600"),
        (14400, [IPERF, "mlab:"], None, None),
        (7200, [IPERF, "mlab:"], None, "Set every_s to 10800"),
        (3600, [STAMP], None, None),
    ],
)
def test_m_lab_asked_too_often_is_said_before(
    every_s: float, urls: list[str], own: str | None, said: str | None
) -> None:
    found = cautions("throughput", ThroughputSettings(every_s=every_s, peer=own), PeerSettings(urls=urls))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]
    assert cautions("latency", LatencySettings(every_s=300), PeerSettings(urls=urls)) == []


def test_a_budget_that_ookla_cannot_keep_is_said_before() -> None:
    peer = PeerSettings(urls=["ookla:"])
    assert cautions("throughput", ThroughputSettings(), peer) == []
    for settings in (ThroughputSettings(max_bytes=10**7), ThroughputSettings(first_max_bytes=10**7)):
        assert "keeps no budget of bytes" in cautions("throughput", settings, peer)[0]
    assert cautions("throughput", ThroughputSettings(max_bytes=10**7), PeerSettings(urls=[MSAK, "ookla:"])) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ThroughputSettings(max_seconds=60), "max_seconds = 60 counts as 10"),
        (ThroughputSettings(first_max_seconds=60), "max_seconds = 60 counts as 10"),
        (ThroughputSettings(deadline_s=20), "deadline_s = 20 may end a run before its second direction is through; 35"),
        (ThroughputSettings(deadline_s=20, max_seconds=3), "21 s are enough"),
        (ThroughputSettings(deadline_s=21, max_seconds=3), None),
        (ThroughputSettings(deadline_s=21, max_seconds=3, first_runs=1, first_max_seconds=5), "25 s are enough"),
        (ThroughputSettings(deadline_s=35), None),
    ],
)
def test_seconds_that_cannot_be_meant_so_are_said_before(settings: ThroughputSettings, said: str | None) -> None:
    found = cautions("throughput", settings, PeerSettings(urls=[MSAK]))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]
