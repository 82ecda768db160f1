"""`incident replay` over a real store and registry."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.incidents.history import History
from collector.incidents.incident import Finding, Subject, begun
from collector.plans.types import Text
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.store.open import store_from_url
from collector.store.points import nanoseconds
from collector.store.store import Point

NOW = datetime.now(UTC)
SCHOOL = Site("th-1", "Trường TH 1", "school", "rural", "lang-son", "huu-lung", access="fibre", plan="lang-son-2025")


def point(ago: timedelta, mbps: float) -> Point:
    fields: dict[str, float | str | bool] = {"id": "r", "conclusive": True, "download_mbps": mbps}
    return Point("throughput", (("agent", "a1"), ("site", SCHOOL.id)), fields, nanoseconds(NOW - ago))


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """Forty days of four results a day: good, and from the thirtieth on far below the target of 102 Mbit/s."""
    path = tmp_path / "collector.toml"
    series, registry = (f"sqlite://{tmp_path}/{name}.db" for name in ("series", "registry"))
    path.write_text(f'roles = ["judge"]\n[store]\nurl = "{series}"\n[registry]\nurl = "{registry}"\n')
    known = Registry(registry)
    known.open()
    known.import_sites([SCHOOL], now=NOW - timedelta(days=60))
    known.close()
    store = store_from_url(series)
    await store.open()
    times = [timedelta(hours=6 * number) for number in range(1, 160)]
    await store.write([point(ago, 60.0 if ago < timedelta(days=10) else 150.0) for ago in times])
    await store.close()
    return path


def replay(config: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["incident", "replay", *words, "--config", str(config)])
    told = capsys.readouterr()
    return code, told.out, told.err


async def test_what_is_not_recorded_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = await asyncio.to_thread(replay, config, capsys)
    assert (code, err) == (1, "0 incidents are as the measurements make them; 1 differ\n")
    assert out.startswith("th-1  below_target  ")
    assert out.endswith(": the measurements make an incident that is not recorded\n")
    opened = datetime.strptime(out.split("  ")[2][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert timedelta(days=5) < NOW - opened < timedelta(days=10)

    history = History(Registry(f"sqlite://{config.parent}/registry.db").database)
    history.open()
    finding = Finding("warning", Text(vi="vi", en="en"), {"since": NOW - timedelta(days=9.9)})
    incident = begun(Subject("th-1"), "below_target", opened, finding)
    history.settle({("th-1", "below_target"): lambda _: [incident]}, at=NOW)
    code, out, err = await asyncio.to_thread(replay, config, capsys, "--site", "th-1")
    assert (code, out, err) == (0, "", "1 incidents are as the measurements make them; 0 differ\n")
    before = f"{NOW - timedelta(days=15):%Y-%m-%d}"
    code, out, err = await asyncio.to_thread(replay, config, capsys, "--to", before)
    assert (code, out) == (0, "")


@pytest.mark.parametrize("words", [("--site", "x"), ("--from", "2026-13"), ("--from", "2099-01-01")])
async def test_what_cannot_be_replayed_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    code, out, err = await asyncio.to_thread(replay, config, capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
