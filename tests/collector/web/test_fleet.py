"""The fleet page: who is silent, what is doubted, and the error of stopping early, from real reports to the page."""

from datetime import timedelta
from pathlib import Path

import pytest

from agent.wire.control import Health, Status
from collector.fleet import AgentState, Fleet
from collector.registry.site import Snapshot, Version
from collector.rollups.recent import COLUMNS, Recent, recent_of
from collector.store.store import FieldValue, Values
from collector.web.fleet import devices, doubt_counts, doubted_by_agent, early_stop
from tests.collector.web.house import NOW, SITES, province, throughput


def row(**fields: FieldValue) -> Values:
    return (int((NOW - timedelta(hours=1)).timestamp()) * 10**9, *(fields.get(name) for name in COLUMNS))


def compared(early: float, full: float, *, early_bytes: float = 20e6, full_bytes: float = 100e6) -> Values:
    size = {"download_early_bytes": early_bytes, "download_bytes": full_bytes}
    return row(download_early_mbps=early, download_mbps=full, **size)


def doubted(agent: str, doubts: str) -> Values:
    return row(agent=agent, doubts=doubts)


def recents(*sites: list[Values]) -> list[Recent]:
    return [recent_of(f"s{number}", rows, NOW) for number, rows in enumerate(sites)]


def test_the_error_of_stopping_early_is_of_the_full_length() -> None:
    rows = [compared(100 + off, 100) for off in (0.1, -0.3, 0.7, -1.5, 3, 10)]
    found = early_stop("download", recents(rows[:2], rows[2:]))
    assert found is not None
    assert (found.way, found.n, found.bars) == ("download", 6, (1, 1, 1, 1, 1, 1))
    assert (found.median, found.p95) == pytest.approx((0.011, 0.10))
    assert found.bias == pytest.approx(0.004)
    assert found.saved == pytest.approx(0.8)


def test_the_95th_percentile_is_a_run_that_was() -> None:
    found = early_stop("download", recents([compared(100 + off, 100) for off in range(100)]))
    assert found is not None
    assert found.p95 == pytest.approx(0.94)
    assert sum(found.bars) == found.n == 100


def test_runs_that_cannot_be_compared_are_left_out() -> None:
    only_upload = row(upload_early_mbps=1.0, upload_mbps=1.0)
    no_rate = row(download_early_mbps=5.0)
    nothing = row(download_early_mbps=5.0, download_mbps=0.0)
    assert early_stop("download", recents([only_upload, no_rate, nothing])) is None
    unsized = early_stop("upload", recents([only_upload]))
    assert unsized is not None
    assert (unsized.n, unsized.median, unsized.saved) == (1, 0.0, None)


def test_doubts_are_counted_by_report_and_by_device() -> None:
    rows = [doubted("a", "cpu_bound,thermal"), doubted("a", "cpu_bound"), doubted("b", "cpu_bound"), doubted("b", "")]
    assert [(one.doubt, one.reports, one.agents) for one in doubt_counts(recents(rows[:3], rows[3:]))] == [
        ("cpu_bound", 3, 2),
        ("thermal", 1, 1),
    ]
    assert doubted_by_agent(recents(rows[1:3], rows[:1])) == {"a": 2, "b": 1}


def test_the_longest_silent_device_comes_first_and_none_is_missing() -> None:
    states = {
        "late": AgentState("late", last_seen=NOW - timedelta(days=3), state="offline"),
        "stranger": AgentState("stranger", last_seen=NOW - timedelta(hours=1)),
        "revoked": AgentState("revoked", last_seen=NOW),
        "fresh": AgentState(
            "fresh",
            last_seen=NOW,
            state="online",
            status=Status(
                state="online",
                software="linkgauge-agent/0.1.0",
                spooled=2,
                dropped=0,
                health=Health(clock_synchronized=False, spool_error="the disk is full"),
            ),
        ),
    }
    registered: dict[str, tuple[Version[str | None], ...]] = {
        name: (Version(None, SITES[0].id),) for name in ("never", "late", "fresh")
    }
    snapshot = Snapshot(
        sites={SITES[0].id: (Version(None, SITES[0]),)}, agents={**registered, "revoked": (Version(None, None),)}
    )
    found = devices(snapshot, states, {"late": 4})
    assert [device.agent for device in found] == ["never", "late", "stranger", "fresh"]
    never, late, stranger, fresh = found
    assert (never.seen, never.site, never.state) == (None, SITES[0], None)
    assert (late.doubted, late.waiting, late.clock) == (4, None, None)
    assert stranger.site is None
    assert (fresh.waiting, fresh.dropped, fresh.clock, fresh.trouble) == (2, 0, False, ("the disk is full",))


async def test_the_page_says_what_will_appear_before_there_is_anything(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        answer = await it.client.get("/fleet?lang=en")
        page = await answer.text()
        assert answer.status == 200
        assert "Nothing to compare yet" in page
        assert "a-th-huu-lung" in page
        assert "the far end was the limit" not in page
        assert "Wi-Fi was the limit" in page, "the province has one doubted report"
        assert 'href="/fleet" aria-current="page"' in page
        assert "Chưa có gì để so sánh" in await (await it.client.get("/fleet?lang=vi")).text()


async def test_page_and_api_show_the_error_of_stopping_early(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        await it.sources.store.write(
            [
                throughput(
                    "th-huu-lung",
                    30 + number,
                    100.0,
                    download_early_mbps=100.0 + number / 10,
                    download_early_bytes=25e6,
                    download_bytes=100e6,
                    upload_early_mbps=50.5,
                )
                for number in range(1, 4)
            ]
        )
        page = await (await it.client.get("/fleet?lang=en")).text()
        assert "Runs compared" in page
        assert "0.20 %" in page
        assert "75 %" in page
        assert 'class="bars"' in page
        body = await (await it.client.get("/api/v1/fleet")).json()
        down, up = body["early_stop"]
        assert (down["way"], down["n"], down["median"], down["p95"]) == (
            "download",
            3,
            pytest.approx(0.002),
            pytest.approx(0.003),
        )
        assert down["saved"] == pytest.approx(0.75)
        assert (up["median"], up["saved"]) == (pytest.approx(0.01), None)
        assert {item["agent"]: item["site"] for item in body["items"]}["a-th-huu-lung"] == "th-huu-lung"
        assert body["doubts"] == [
            {"doubt": "cpu_bound", "reports": 1, "agents": 1},
            {"doubt": "wifi_bound", "reports": 1, "agents": 1},
        ]
        assert body["next"] is None


async def test_a_large_fleet_comes_compressed(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        for number in range(200):
            it.sources.fleet.heard(f"agent-{number:04}", Status(state="online"), NOW)
        for path in ("/fleet?lang=en&all=1", "/api/v1/fleet"):
            answer = await it.client.get(path, headers={"Accept-Encoding": "gzip"})
            assert answer.headers["Content-Encoding"] == "gzip"
            assert int(answer.headers["Content-Length"]) < len(await answer.read()) / 8
            plain = await it.client.get(path, headers={"Accept-Encoding": "identity"})
            assert "Content-Encoding" not in plain.headers
            assert "agent-0199" in await plain.text()


async def test_a_device_in_trouble_shows_it(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        fleet: Fleet = it.sources.fleet
        health = Health(clock_synchronized=False, spool_error="<the disk is full>")
        fleet.heard("a-th-moi", Status(state="online", dropped=7, spooled=1234, health=health), NOW)
        page = await (await it.client.get("/fleet?lang=en")).text()
        assert "&lt;the disk is full&gt;" in page
        assert "not set" in page
        assert "1,234" in page
