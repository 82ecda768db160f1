"""From decisions to receipts: one message per agent and epoch. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.wire.control import Receipt, Refused
from collector.archive.intervals import compress
from collector.ingest import DeferReason, Rejected

_REFUSALS = 1000  # per message: a receipt stays far below the limit of control messages


@dataclass(slots=True)
class _Word:
    stored: set[int] = field(default_factory=set)
    deferred: dict[int, str] = field(default_factory=dict)
    rejected: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Receipts:
    """What is to be said to whom about one batch."""

    _words: dict[tuple[str, str], _Word] = field(default_factory=dict)

    def settled(self, agent: str, epoch: str, seq: int, trouble: DeferReason | None) -> None:
        """Durable in series and archive, or, with a trouble, to be kept and tried again later."""
        word = self._words.get((agent, epoch))
        if word is None:
            word = self._words[agent, epoch] = _Word()
        if trouble is None:
            word.stored.add(seq)
        else:
            word.deferred[seq] = trouble

    def has_stored(self, agent: str, epoch: str, seq: int) -> bool:
        """Whether this batch has already made it durable."""
        word = self._words.get((agent, epoch))
        return word is not None and seq in word.stored

    def rejected(self, items: Iterable[Rejected]) -> None:
        """In quarantine; nothing can be said of one whose place could not be read."""
        for item in items:
            if item.agent is not None and item.epoch is not None and item.seq is not None:
                self._words.setdefault((item.agent, item.epoch), _Word()).rejected[item.seq] = item.reason

    def messages(self) -> Iterable[tuple[str, Receipt]]:
        """Give agent and receipt, in the order in which the agents came up."""
        for (agent, epoch), word in self._words.items():
            deferred = [Refused(seq, reason) for seq, reason in sorted(word.deferred.items())]
            rejected = [Refused(seq, reason) for seq, reason in sorted(word.rejected.items())]
            stored = compress(word.stored)
            while True:
                yield (
                    agent,
                    Receipt(
                        epoch=epoch,
                        stored=stored[:_REFUSALS],
                        deferred=deferred[:_REFUSALS],
                        rejected=rejected[:_REFUSALS],
                    ),
                )
                stored, deferred, rejected = stored[_REFUSALS:], deferred[_REFUSALS:], rejected[_REFUSALS:]
                if not (stored or deferred or rejected):
                    break
