"""Payloads judged again: through the real pipeline, with the command and the service on one file."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.__main__ import main
from collector.errors import StoreFull
from collector.ingest import Rejected
from collector.pipeline import Pipeline
from collector.quarantine import Search
from collector.quarantine.replay import Replay, Service, held_by
from tests.collector.rig import NOW, Rig, report


@dataclass
class Mended:
    """A service that takes reports, and a quarantine with payloads that an older one could not read."""

    rig: Rig
    replay: Replay
    config: Path
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def put(self, *payloads: bytes, agent: str = "a1") -> None:
        items = [Rejected(f"linkgauge/v1/{agent}/report", agent, "version", "v 1", raw, "e1", 1) for raw in payloads]
        self.rig.quarantine.put(items, at=NOW)

    def command(self, *arguments: str) -> int:
        return main(["quarantine", *arguments, "--config", str(self.config)])


@asynccontextmanager
async def mended(folder: Path) -> AsyncIterator[Mended]:
    rig = Rig(folder, "mqtt://127.0.0.1:1")
    rig.registry.add_agent("a1", "s1", now=NOW)
    sent: list[tuple[str, dict[str, Any]]] = []
    parts = replace(rig.parts, send=lambda topic, payload, _: sent.append((topic, json.loads(payload))))
    service = Service(
        process=Pipeline(parts, rig.upkeep).process,
        holding=held_by(rig.archive),
        snapshot=rig.registry.snapshot,
        waiting=lambda: -1 if rig.inbox.closed else len(rig.inbox),
        now=lambda: datetime.now(UTC),
    )
    config = folder / "collector.toml"
    config.write_text(
        f'[archive]\nurl = "file://{folder}/archive"\n[registry]\nurl = "sqlite://{folder}/registry.db"\n'
        f'[quarantine]\nurl = "sqlite://{folder}/quarantine.db"\n'
    )
    rig.archive.open()
    rig.quarantine.open()
    yield Mended(rig, Replay(rig.quarantine, service), config, sent)
    await rig.series.close()
    for part in (rig.archive, rig.quarantine, rig.registry):
        part.close()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Mended]:
    async with mended(tmp_path) as found:
        yield found


def ask(service: Mended) -> None:
    service.rig.quarantine.ask(Search(), who="me", at=datetime.now(UTC))


async def test_what_can_be_read_now_is_stored_archived_and_receipted(service: Mended) -> None:
    one = report(1)
    raw = json.dumps(one).encode()
    service.put(raw)
    service.rig.archive.declare_never("a1", "e1", [1])
    assert await service.replay.once() == 0
    ask(service)
    assert await service.replay.once() == 1
    assert [row["id"] for row in await service.rig.rows()] == [one["id"]]
    assert service.rig.archive.read(one["id"]) == raw
    assert service.rig.archive.knows("a1", "e1", 1)
    assert service.sent == [("linkgauge/v1/a1/receipt", {"epoch": "e1", "stored": [[1, 1]]})]
    assert service.rig.quarantine.list() == []
    service.put(raw)
    ask(service)
    assert await service.replay.once() == 1
    assert service.rig.quarantine.list() == []
    assert len(await service.rig.rows()) == 1


async def test_what_is_still_bad_stays_with_its_new_reason(service: Mended) -> None:
    service.put(b"{nonsense", json.dumps(report(2, agent="a2")).encode())
    service.put(json.dumps(report(3, agent="nobody")).encode(), agent="nobody")
    ask(service)
    assert await service.replay.once() == 3
    kept = sorted(service.rig.quarantine.list(), key=lambda held: held.number)
    assert [(held.reason, held.times, held.asked) for held in kept] == [
        ("malformed", 1, None),
        ("malformed", 1, None),
        ("version", 1, None),
    ]
    outcomes = [held.outcome or "" for held in kept]
    assert outcomes[0].startswith("rejected: malformed")
    assert "on the topic of a1" in outcomes[1]
    assert outcomes[2].startswith("kept: unknown_agent")
    assert await service.rig.rows() == []


async def test_a_place_that_another_report_has_taken_stays_a_conflict(service: Mended) -> None:
    service.put(json.dumps(report(1)).encode())
    ask(service)
    await service.replay.once()
    service.put(json.dumps(report(1)).encode())
    ask(service)
    await service.replay.once()
    (held,) = service.rig.quarantine.list()
    assert held.reason == "conflict"
    assert (held.outcome or "").startswith("rejected: conflict")
    assert len(await service.rig.rows()) == 1


async def test_an_array_is_stored_in_parts_and_the_rest_stands_alone(service: Mended) -> None:
    service.put(json.dumps([report(1), report(2), {"v": 1}]).encode())
    ask(service)
    await service.replay.once()
    (held,) = service.rig.quarantine.list()
    assert (held.reason, held.bytes) == ("malformed", 8)
    assert len(await service.rig.rows()) == 2


async def test_a_full_store_keeps_it_in_quarantine(service: Mended) -> None:
    service.put(json.dumps(report(1)).encode())
    ask(service)
    service.rig.series.fault = StoreFull("full")
    await service.replay.once()
    (held,) = service.rig.quarantine.list()
    assert (held.outcome or "").startswith("kept: the store did not take it")
    service.rig.series.fault = None
    ask(service)
    await service.replay.once()
    assert service.rig.quarantine.list() == []


async def test_a_service_that_stops_leaves_it_to_the_next(service: Mended) -> None:
    service.put(b"{nonsense")
    ask(service)
    service.rig.inbox.close()
    await service.replay.once()
    (held,) = service.rig.quarantine.list()
    assert held.asked is not None
    assert held.outcome is None


async def test_the_command_marks_waits_and_tells(service: Mended, capsys: pytest.CaptureFixture[str]) -> None:
    service.put(json.dumps(report(1)).encode(), b"{nonsense", b'{"kind":"\x1b[31m"}')
    async with asyncio.TaskGroup() as group:
        running = group.create_task(service.replay.run(lambda: 0.05), name="replay")
        code = await asyncio.to_thread(service.command, "replay", "--all")
        running.cancel()
    said = capsys.readouterr()
    assert code == 1
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        ["1", "stored:"],
        ["2", "rejected:"],
        ["3", "rejected:"],
    ]
    assert "1 of 3 stored" in said.err
    assert service.command("list") == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out
    assert "held: 2 malformed" in said.err
    assert service.command("list", "--agent", "other", "--since", "3d", "--text", "x", "--reason", "version") == 0
    assert "held: nothing" in capsys.readouterr().err
    assert service.command("show", "2") == 0
    assert "outcome:  rejected: malformed" in capsys.readouterr().out


async def test_without_a_service_it_is_judged_here_or_stays_marked(
    service: Mended, capsys: pytest.CaptureFixture[str]
) -> None:
    service.put(json.dumps(report(1)).encode(), b"{nonsense")
    before = service.rig.quarantine.list()
    assert await asyncio.to_thread(service.command, "replay", "--reason", "version", "--offline") == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split(maxsplit=1) == ["1", "would be stored"]
    assert "1 of 2 would be stored; nothing was changed" in said.err
    assert service.rig.quarantine.list() == before
    assert await service.rig.rows() == []
    assert await asyncio.to_thread(service.command, "replay", "1", "--wait", "0.2") == 1
    assert "they stay marked" in capsys.readouterr().err
    assert await service.replay.once() == 1
    assert len(await service.rig.rows()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay",), "say which"),
        (("replay", "--all", "1"), "say which"),
        (("list", "--since", "yesterday"), "no time"),
    ],
)
async def test_wrong_usage_is_one_line(
    service: Mended, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert service.command(*arguments) == 2
    assert words in capsys.readouterr().err
    assert service.command("replay", "99") == 1
    assert "nothing fits" in capsys.readouterr().err
