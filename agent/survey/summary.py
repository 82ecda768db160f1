"""The card at the end of a walk, row by row. Pure."""

from typing import Final

from agent.card_row import Row
from agent.survey.level import Mark
from agent.survey.map import length
from agent.survey.view import clock_time
from agent.survey.walk import Walk
from agent.survey.words import say
from agent.words import Language

_MARKS: Final[tuple[Mark, ...]] = ("excellent", "good", "fair", "weak", "none", "unknown")


def summary_rows(walk: Walk, tongue: Language, *, elapsed_s: float) -> list[Row]:
    """Say what the walk found, and what went wrong."""
    tally = walk.tally
    environment = f"  {say(f'environment:{walk.environment}', tongue)}" if walk.environment else ""
    way = say("way:value", tongue).format(length(walk.track.distance_m), clock_time(elapsed_s))
    reached = say("stops", tongue).format(len(walk.route.reached), len(walk.route.stops))
    rows = [
        Row(say("walk", tongue), walk.id + environment),
        Row(say("samples", tongue), say("counts", tongue).format(tally.samples, tally.placed), "figure"),
        Row(say("way", tongue), way),
        Row(say("network", tongue), _networks(walk, tongue)),
        *_levels(walk, tongue),
        Row(say("classes", tongue), _classes(walk, tongue)),
        Row(say("places", tongue), reached if walk.route.stops else ""),
        Row(say("tests", tongue), str(tally.tests) if tally.tests else ""),
        *(Row(say("trouble", tongue), text, "doubt") for text in _troubles(walk, tongue)),
    ]
    return [row for row in rows if row.value]


def _levels(walk: Walk, tongue: Language) -> list[Row]:
    return [
        Row(say(f"field:{name}", tongue), say("levels", tongue).format(*(f"{value:g}" for value in levels)))
        for name, levels in walk.tally.levels().items()
    ]


def _networks(walk: Walk, tongue: Language) -> str:
    names = []
    for name, count in walk.tally.networks.most_common(4):
        operator, _, technology = name.rpartition(" ")
        words = f"{operator} {say(f'technology:{technology}', tongue)}" if operator else name
        names.append(f"{words} ({_percent(count, walk)})")
    return ", ".join(names)


def _classes(walk: Walk, tongue: Language) -> str:
    marks = walk.tally.marks
    return ", ".join(f"{say(f'mark:{mark}', tongue)} {_percent(marks[mark], walk)}" for mark in _MARKS if marks[mark])


def _percent(count: int, walk: Walk) -> str:
    return f"{100 * count / max(1, walk.tally.samples):.0f} %"


def _troubles(walk: Walk, tongue: Language) -> list[str]:
    tally = walk.tally
    return [
        say(key, tongue).format(count)
        for key, count in (("not_kept", tally.unkept), ("modem_lost", tally.failures))
        if count
    ]
