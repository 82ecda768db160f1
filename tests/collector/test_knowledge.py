"""What is stored, as intervals: bounded memory, whatever agents send, and the same answers."""

import random
import sqlite3
from pathlib import Path

import pytest

from collector.archive import knowledge as module
from collector.archive.head import head_of
from collector.archive.intervals import Intervals
from collector.archive.knowledge import Knowledge


def told(knowledge: Knowledge, agent: str, epoch: str, *seqs: int) -> None:
    knowledge.learn([head_of("", place=(agent, epoch, seq), kind="k") for seq in seqs])


def held(knowledge: Knowledge) -> int:
    return sum(len(epochs) for epochs in knowledge.known.values())


def test_endless_epochs_and_holes_of_one_agent_are_left_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EPOCHS", 4)
    monkeypatch.setattr(module, "PIECES", 10)
    chance = random.Random(1)  # noqa: S311 - a test repeats itself
    truth: dict[tuple[str, str], Intervals] = {}
    knowledge = Knowledge(tmp_path / "index.db")
    for step in range(60):
        for _ in range(30):
            epoch, seq = f"e{chance.randrange(40)}", chance.randrange(1, 80)
            told(knowledge, "hostile", epoch, seq)
            truth.setdefault(("hostile", epoch), Intervals()).add(seq)
        told(knowledge, "honest", "e", step + 1)
        truth.setdefault(("honest", "e"), Intervals()).add(step + 1)
        if step % 7 == 3:
            knowledge.save(())
            assert held(knowledge) <= 5, "four of one, one of the other"
        if step == 30:
            knowledge.save(())
            knowledge.close()
            knowledge = Knowledge(tmp_path / "index.db")
            assert held(knowledge) <= 5
        for (agent, epoch), intervals in truth.items():
            seq = chance.randrange(1, 80)
            assert knowledge.knows(agent, epoch, seq) is (seq in intervals)
            assert knowledge.missing(agent, epoch, 79) == intervals.missing(79)
    assert caplog.text.count("archive.many_epochs agent=hostile") <= 2
    assert "honest" not in caplog.text
    knowledge.save(())
    knowledge.close()
    rows: dict[tuple[str, str], list[tuple[int, int]]] = {}
    database = sqlite3.connect(tmp_path / "index.db")
    for agent, epoch, first, last in database.execute("SELECT agent, epoch, first, last FROM known ORDER BY 1, 2, 3"):
        rows.setdefault((agent, epoch), []).append((first, last))
    database.close()
    assert rows == {key: intervals.ranges() for key, intervals in truth.items()}


def test_what_was_declared_never_to_come_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEVER_KEYS", 5)
    monkeypatch.setattr(module, "_NEVER_PIECES", 5)
    knowledge = Knowledge(tmp_path / "index.db")
    for number in range(20):
        knowledge.declare_never("a", f"e{number}", range(1, 100, 2))
    assert sum(held.pieces for held in knowledge.never.values()) == 25
    knowledge.close()
