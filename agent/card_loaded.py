"""What a card says of a direction's answers under load: the delay of small packets, and the grade. Pure.

Grades are those of draft-ietf-ippm-responsiveness-09, 1.2: below 300 round trips a minute (200 ms) poor, below 1000
(60 ms) fair, below 6000 (10 ms) good, else excellent.
"""

from typing import Final

from agent.wire.results import Direction
from agent.words import Language, say

_GRADES: Final = ((300.0, "poor"), (1000.0, "fair"), (6000.0, "good"))
_DOT: Final = " · "


def grade(rpm: float) -> str:
    """The draft's word for so many round trips a minute."""
    return next((word for below, word in _GRADES if rpm < below), "excellent")


def lines(part: Direction, tongue: Language) -> list[str]:
    """One line each for the delay of small packets and for how the line answers; none for what was not measured."""
    return [line for line in (_delay(part, tongue), _answers(part, tongue)) if line]


def _delay(part: Direction, tongue: Language) -> str:
    found, lost = part.loaded_latency_ms, part.loaded_loss_ratio
    if found is None or found.median is None:
        return ""
    p95 = "" if found.p95 is None else f" (p95 {found.p95:.1f})"
    told = say(f"loaded:{part.loaded_latency_method}", tongue).format(f"{found.median:.1f} ms{p95}")
    return told if not lost else _DOT.join((told, say("loaded_lost", tongue).format(f"{lost:.1%}")))


def _answers(part: Direction, tongue: Language) -> str:
    found = part.responsiveness
    if found is None or found.rpm is None:
        return ""
    word = grade(found.rpm)
    told = say("rpm", tongue).format(say(f"rpm:{word}", tongue), f"{found.rpm:.0f}")
    sure = "" if found.confidence in {None, "high"} else say(f"rpm_sure:{found.confidence}", tongue)
    return _DOT.join(text for text in (told, say(f"rpm_means:{word}", tongue), sure) if text)
