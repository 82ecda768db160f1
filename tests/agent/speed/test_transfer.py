"""Whole directions against honest servers on loopback, and a box on the way that is not."""

import asyncio
import itertools
import ssl
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Failed
from agent.speed import frames, msak
from agent.speed.engine import Transfer, Way
from agent.speed.estimate import at
from agent.speed.frames import Opcode
from agent.speed.limits import Limits
from agent.speed.stream import Stream, Supply, end_all
from agent.speed.summary import direction
from agent.speed.transfer import Lines
from tests.agent.speed.one_direction import SHORT, run, sockets
from tests.agent.speed.peers import (
    CHUNK,
    QUICK,
    Visit,
    Words,
    acknowledging_for,
    honest,
    kernel_receiver,
    leg,
    move,
    msak_receiver,
    peer,
    receive_paced,
    send_paced,
)

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("no_socket_outlives")]


async def measured(lines: Lines, joining: Mapping[float, int] | None = None) -> Transfer:
    """One direction, with more streams that join at moments of the load: their number by seconds."""
    await lines.open()
    lines.load()
    for after_s, streams in (joining or {}).items():
        asyncio.get_running_loop().call_later(after_s, lines.grow, streams)
    try:
        return lines.account(await lines.measure())
    finally:
        await end_all([line.stream for line in lines.lines], grace_s=0.3)


async def test_download_is_counted_here_and_its_evidence_kept() -> None:
    limits = replace(SHORT, seconds=1.2, streams=3)
    transfer = await run(honest, "download", limits)
    found = direction(transfer, limits)
    assert found.failure is None
    assert found.mbps == pytest.approx(60, rel=0.05)
    assert found.duration_s == pytest.approx(1.2, abs=0.05)
    assert (found.stop, found.streams) == ("time", 3)
    assert found.bytes == pytest.approx(60e6 / 8 * 1.2, rel=0.06)
    assert found.rates_mbps is not None
    assert 11 <= len(found.rates_mbps) <= 12
    assert found.retransmit_ratio == pytest.approx(0.01, rel=0.01)
    assert found.loaded_rtt_ms is not None
    assert found.loaded_rtt_ms.median == pytest.approx(20.0, abs=0.01)
    assert transfer.congestion == "cubic"
    assert transfer.cipher is None
    assert len(transfer.idle_rtts_us) == 3
    assert not transfer.reference_only


async def test_the_request_is_the_protocols_and_the_live_rate_is_told() -> None:
    live: list[tuple[float, float]] = []
    async with peer(honest) as (host, port, visits):
        await move(leg(host, port, "download", SHORT, mid="m1", watch=lambda *now: live.append(now)))
    assert live[-1][1] == pytest.approx(40, rel=0.2)
    assert [gone for gone, _ in live] == sorted(gone for gone, _ in live)
    query = visits[0].query
    assert visits[0].target.startswith("/throughput/v1/download?")
    assert (query["mid"], query["streams"], query["cc"]) == ("m1", "2", "bbr")
    assert int(query["duration"]) >= 1000
    assert "bytes" not in query
    assert visits[0].headers["user-agent"].startswith("linkgauge-agent/")


async def test_upload_is_what_the_receiver_counted() -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 30, 5)

    limits = replace(SHORT, seconds=1.5, streams=2)
    transfer = await run(honest, "upload", limits)
    found = direction(transfer, limits)
    assert found.failure is None
    assert found.mbps == pytest.approx(60, rel=0.05)
    assert found.stop == "time"
    assert transfer.congestion
    assert found.loaded_rtt_ms is not None
    assert found.retransmit_ratio is not None


async def test_texts_go_both_ways_and_pings_are_answered() -> None:
    async def pinging(visit: Visit) -> None:
        await visit.upgrade()
        visit.writer.write(frames.frame(Opcode.PING, b"42", masked=False))
        visit.writer.write(CHUNK)
        await visit.read(timeout_s=3)

    async with peer(pinging) as (host, port, visits):
        await move(leg(host, port, "download", replace(SHORT, streams=1)))
    assert visits[0].texts
    assert b'"BytesReceived":65536' in visits[0].texts[0]
    assert visits[0].closed


@pytest.mark.program("openssl")
async def test_tls_is_verified_and_its_cipher_kept(certificate: tuple[Path, Path], server_tls: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with peer(honest, tls=server_tls) as (host, port, _):
        transfer = await move(leg(host, port, "download", SHORT, tls=trusting))
        assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.05)
        assert transfer.cipher is not None
        assert transfer.cipher.startswith("TLS_")
        with pytest.raises(Failed) as caught:
            await move(leg(host, port, "download", SHORT, tls=ssl.create_default_context()))
        assert str(caught.value.failure) == "tls:bad_certificate"


@pytest.mark.program("openssl")
async def test_tls_upload(certificate: tuple[Path, Path], server_tls: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with peer(honest, tls=server_tls) as (host, port, _):
        transfer = await move(leg(host, port, "upload", SHORT, tls=trusting))
    assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.08)


async def test_a_budget_ends_a_download_at_the_byte() -> None:
    limits = replace(SHORT, seconds=3, max_bytes=1_000_000, streams=2)

    async def generous(visit: Visit) -> None:
        await visit.upgrade()
        assert visit.query["bytes"] == "500000"
        visit.writer.write(frames.frame(Opcode.BINARY, bytes(500_000), masked=False))
        visit.writer.write(frames.close(masked=False))
        await visit.read(timeout_s=1)

    transfer = await run(generous, "download", limits)
    assert (transfer.stop.word, transfer.received) == ("budget", 1_000_000)


async def test_a_budget_ends_an_upload_and_nothing_more_is_sent() -> None:
    limits = replace(SHORT, seconds=5, max_bytes=4_000_001, streams=2)

    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 12, 5)

    async with peer(honest) as (host, port, visits):
        transfer = await move(leg(host, port, "upload", limits))
        assert transfer.stop.word == "budget"
        assert 3_700_000 < sum(visit.skimmer.received for visit in visits) <= 4_000_000
    assert transfer.received == pytest.approx(4_000_000, rel=0.01)
    assert direction(transfer, limits).mbps == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_cancelled_run_leaves_nothing(way: Way) -> None:
    async with peer(honest) as (host, port, _):
        before = sockets()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await move(leg(host, port, way, Limits(seconds=5)))
        mine = sockets() - before
        assert len(mine) <= 4  # the server's own ends, which it closes when this block ends


@pytest.mark.parametrize("words", [msak_receiver, kernel_receiver])
async def test_an_upload_through_a_box_that_acknowledges_for_the_peer_is_the_peers_count(words: Words) -> None:
    """The box takes 80 Mbit/s and the peer 24: what settles first is the rate into the box."""

    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 12, 8, words)

    async with peer(honest) as (host, port, _), acknowledging_for(port, mbps=40) as box:
        for limits in (replace(SHORT, seconds=2.5), replace(SHORT, seconds=2.5, early=True)):
            transfer = await move(leg(host, box, "upload", limits))
            found = direction(transfer, limits)
            assert found.failure is None
            assert found.mbps == pytest.approx(24, rel=0.1)
            assert found.stop == "time", "an early stop would be the box's"
            assert transfer.received < 24e6 / 8 * 2.6


@pytest.mark.parametrize("words", [msak_receiver, kernel_receiver])
async def test_an_honest_receivers_count_is_no_reason_to_doubt_ours(words: Words) -> None:
    async def honest(visit: Visit) -> None:
        await visit.upgrade()
        await receive_paced(visit, 100, 5, words)

    transfer = await run(honest, "upload", replace(SHORT, seconds=1.5, streams=4))
    steps = [later.at_s - early.at_s for early, later in itertools.pairwise(transfer.samples)]
    assert statistics.median(steps) == pytest.approx(0.025, abs=0.005), "these are the samples of our kernel"


@pytest.mark.parametrize("way", ["download", "upload"])
async def test_streams_that_join_later_add_to_the_same_count(way: Way) -> None:
    async with peer(honest) as (host, port, visits):
        lines = Lines(leg(host, port, way, replace(SHORT, seconds=2)), msak.DIALECT, QUICK)
        transfer = await measured(lines, {0.5: 2})
        assert len(visits) == 4
    assert (transfer.stop.word, transfer.streams) == ("time", 4)
    samples = transfer.samples
    start = samples[0].at_s
    before = (at(samples, start + 0.4) - at(samples, start + 0.2)) * 8 / 1e6 / 0.2
    after = (at(samples, start + 1.9) - at(samples, start + 0.9)) * 8 / 1e6
    assert before == pytest.approx(40, rel=0.2)
    assert after == pytest.approx(80, rel=0.1)


async def test_streams_that_join_together_are_loaded_once_each() -> None:
    loaded: list[Stream] = []

    class Counted(Stream):
        def load(self, supply: Supply) -> None:
            loaded.append(self)
            super().load(supply)

    async with peer(honest) as (host, port, _):
        await measured(Lines(leg(host, port, "upload", SHORT), msak.DIALECT, QUICK, stream=Counted), {0.2: 4})
    assert len(loaded) == len({*loaded}) == 6


async def test_a_stream_that_joins_at_the_very_end_is_no_reason_to_doubt_the_rest() -> None:
    async with peer(honest) as (host, port, _):
        lines = Lines(leg(host, port, "upload", replace(SHORT, seconds=1.2)), msak.DIALECT, QUICK)
        transfer = await measured(lines, {1.1: 1})
    assert transfer.streams == 3
    assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.15)


async def test_streams_that_cannot_join_leave_the_run_as_it_is() -> None:
    async def full(visit: Visit) -> None:
        if visit.number >= 2:
            await visit.ignore(timeout_s=3)  # no answer to the upgrade: it is still awaited when the run ends
            return
        await visit.upgrade()
        await send_paced(visit, 20, 5)

    async with peer(full) as (host, port, _):
        lines = Lines(leg(host, port, "download", SHORT), msak.DIALECT, QUICK)
        assert not lines.grow(1), "nothing runs yet"
        transfer = await measured(lines, {0.2: 2, 0.9: 2})
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("download")]
    assert (transfer.streams, transfer.stop.word) == (2, "time")
    assert direction(transfer, SHORT).mbps == pytest.approx(40, rel=0.1)


async def test_a_stream_that_opens_late_leaves_no_gap_in_the_count() -> None:
    async def one_is_late(visit: Visit) -> None:
        await visit.request()
        await asyncio.sleep(0.4 if visit.number == 3 else 0)  # as after a lost SYN
        await visit.accept()
        await send_paced(visit, 20, 5)

    async with peer(one_is_late) as (host, port, _):
        found = await move(leg(host, port, "download", replace(SHORT, streams=4)))
    steps = [later.at_s - before.at_s for before, later in itertools.pairwise(found.samples)]
    assert max(steps) < 0.2


async def test_a_box_too_slow_for_one_moment_still_counts() -> None:
    async with peer(honest) as (host, port, _):
        # No reading is ever quick enough.
        transfer = await measured(Lines(leg(host, port, "download", SHORT), msak.DIALECT, QUICK, torn_s=0.0))
    found = direction(transfer, SHORT)
    assert (found.stop, found.failure) == ("time", None)
    assert found.mbps == pytest.approx(40, rel=0.1)


@pytest.mark.parametrize("size", [136, 168, 192])  # Linux 4.1, 4.9 and 4.18: no kernel newer than 5.4 is asked for
@pytest.mark.parametrize("way", ["download", "upload"])
async def test_an_old_kernel_tells_enough(way: Way, size: int) -> None:
    class OldStream(Stream):
        info_bytes = size

    async with peer(honest) as (host, port, _):
        transfer = await measured(Lines(leg(host, port, way, SHORT), msak.DIALECT, QUICK, stream=OldStream))
    found = direction(transfer, SHORT)
    assert (found.stop, found.failure) == ("time", None)
    assert found.mbps == pytest.approx(40, rel=0.15)
