"""What a person sees while walking: lines for a terminal of any size from a phone's on. Pure; no layout library.

From top to bottom: level, network, place, counts, what is wrong; then the map, in all the room that is left.
"""

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from agent.radio.classes import SCALES
from agent.survey.level import Mark, level_of, mark_of
from agent.survey.map import PLAIN, SYMBOLS, Scene, Segment, draw, length
from agent.survey.route import Stop
from agent.survey.track import Place, metres, offset_m
from agent.survey.walk import FROZEN, OLD_S, Walk, place_of
from agent.survey.words import say
from agent.wire.failure import Failure
from agent.wire.results import Radio
from agent.words import Language

Line = list[Segment]

_MARKS: Final[tuple[Mark, ...]] = ("excellent", "good", "fair", "weak", "none")
_NAMES: Final = {"nr_rsrp_dbm": "SS-RSRP", "rsrp_dbm": "RSRP", "rscp_dbm": "RSCP", "rssi_dbm": "RSSI"}
_WINDS: Final = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
_BAR_LEAST: Final = 6
_BAR_MOST: Final = 40
_SHORT_MAP: Final = 5
_AMPLE: Final = 24
_NARROW: Final = 10


class Pane(NamedTuple):
    """A terminal: its size, the language spoken on it, and whether it knows Unicode."""

    columns: int
    rows: int
    tongue: Language = "en"
    unicode: bool = True


def frame(walk: Walk, pane: Pane, *, elapsed_s: float) -> list[Line]:
    """Lay out the whole screen: at most `rows` lines, none wider than `columns`."""
    facts = [line for line in _facts(walk, pane, elapsed_s) if line]
    feet = _feet(walk, pane)
    room = pane.rows - len(facts) - len(feet)
    if room < _SHORT_MAP:
        return [fitted(line, pane.columns) for line in facts + feet][: max(0, pane.rows)]
    return [fitted(line, pane.columns) for line in (*facts, *_map(walk, pane, room), *feet)]


def sample_line(walk: Walk, radio: Radio, at: datetime | None, tongue: Language) -> str:
    """Say one sample in one line, for where there is no terminal."""
    level, here = level_of(radio), place_of(radio)
    accuracy = "" if radio.accuracy_m is None else f" ±{radio.accuracy_m:.0f} m"
    parts = (
        str(radio.place_number or walk.tally.samples),
        "" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}",
        say("no_position", tongue) if here is None else f"{here.latitude:.6f},{here.longitude:.6f}{accuracy}",
        _network(radio, tongue),
        say("no_level", tongue) if level is None else f"{_NAMES[level.field]} {level.dbm:.0f} dBm",
        say(f"mark:{mark_of(radio)}", tongue),
    )
    return "  ".join(part for part in parts if part)


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def fitted(line: Line, columns: int) -> Line:
    """Cut a line to the columns, by what its characters take on a screen."""
    found, left = [], columns
    for text, look in line:
        part = cut(text, left)
        left -= width(part)
        if part:
            found.append(Segment(part, look))
        if part != text:
            break
    return found


def cut(text: str, columns: int) -> str:
    """Give as much of the beginning of a text as fits."""
    used = 0
    for at, char in enumerate(text):
        used += width(char)
        if used > columns:
            return text[:at]
    return text


def width(text: str) -> int:
    """How many columns a text takes: none for marks that combine, two for wide characters."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


# --- the facts


def _facts(walk: Walk, pane: Pane, elapsed_s: float) -> list[Line]:
    tongue, radio = pane.tongue, walk.radio
    about = f" {say(f'environment:{walk.environment}', tongue)}" if walk.environment else ""
    head = f"{say('survey', tongue)} {clock_time(elapsed_s)}"
    title = [Segment(head, "bold"), Segment(about), Segment(f"  {walk.id}", "dim")]
    return [
        title,
        *([[Segment(say("waiting_modem", tongue), "note")]] if radio is None else _signal(radio, pane)),
        *([] if radio is None else _position(radio, pane)),
        _counts(walk, tongue),
        *_stops(walk, tongue),
        *(line for note in notes(walk, tongue) for line in _wrapped(note, pane.columns)),
    ]


def _signal(radio: Radio, pane: Pane) -> list[Line]:
    tongue, level, mark = pane.tongue, level_of(radio), mark_of(radio)
    word = say(f"mark:{mark}", tongue)
    lines: list[Line] = [[Segment(f"{say('no_level', tongue)}  "), Segment(word, mark)]]
    if level is not None:
        head = f"{say(f'generation:{level.field}', tongue)} {level.dbm:.0f} dBm "
        room = min(_BAR_MOST, pane.columns - width(head) - width(word) - 3)
        bar = _bar(level.field, level.dbm, room, unicode=pane.unicode) if room >= _BAR_LEAST else ""
        lines = [[Segment(head, "bold"), Segment(bar, mark), Segment(f" {word}", mark)]]
    cell = say("cell", tongue).format(radio.cell) if radio.cell else ""
    network = " ".join(part for part in (_network(radio, tongue), radio.nr_band or radio.band, cell) if part)
    return [*lines, [Segment(network or _why_none(radio, tongue))], [Segment(_quality(radio), "dim")]]


def _bar(field: str, dbm: float, columns: int, *, unicode: bool) -> str:
    low, high = SCALES.get(field, (-120.0, -60.0))
    full = round(min(1.0, max(0.0, (dbm - low) / (high - low))) * columns)
    return ("█" if unicode else "#") * full + ("░" if unicode else ".") * (columns - full)


def _network(radio: Radio, tongue: Language) -> str:
    technology = say(f"technology:{radio.technology}", tongue) if radio.technology else ""
    return " ".join(part for part in (radio.operator or radio.mcc_mnc, technology) if part)


def _why_none(radio: Radio, tongue: Language) -> str:
    """Why there is no network: the modem's own state says more than that it is on none."""
    if radio.state in {"failed", "locked", "disabled"}:
        reason = f" ({say(f'lock:{radio.state_reason}', tongue)})" if radio.state_reason else ""
        return say(f"state:{radio.state}", tongue) + reason
    return say(f"registration:{radio.registration}", tongue) if radio.registration else ""


def _quality(radio: Radio) -> str:
    """The other levels of the one above; then, on 5G non-standalone, the anchor's."""
    anchor = radio.nr_rsrp_dbm is not None and radio.rsrp_dbm is not None
    parts = (
        ("RSRQ", radio.rsrq_db if radio.nr_rsrp_dbm is None else radio.nr_rsrq_db, "dB"),
        ("SINR", radio.sinr_db if radio.nr_rsrp_dbm is None else radio.nr_sinr_db, "dB"),
        ("Ec/No", radio.ecio_db, "dB"),
        ("4G", radio.rsrp_dbm if anchor else None, "dBm"),
    )
    return "  ".join(f"{name} {value:g} {unit}" for name, value, unit in parts if value is not None)


def _wrapped(text: str, columns: int) -> list[Line]:
    """A note over as many lines as it needs: what is wrong is not cut off."""
    return [[Segment(line, "note")] for line in textwrap.wrap(text, max(_NARROW, columns))]


def _position(radio: Radio, pane: Pane) -> list[Line]:
    here = place_of(radio)
    if here is None:
        return [] if "position" in radio.missing else [[Segment(say("no_position", pane.tongue), "note")]]
    sign = "±" if pane.unicode else "+-"
    accuracy = "" if radio.accuracy_m is None else f" {sign}{radio.accuracy_m:.0f} m"
    return [
        [Segment(f"{here.latitude:.5f} {here.longitude:.5f}{accuracy}"), Segment(f" {radio.position_source}", "dim")]
    ]


def _counts(walk: Walk, tongue: Language) -> Line:
    counts = say("counts", tongue).format(walk.tally.samples, walk.tally.placed)
    return [Segment(counts), Segment(f"  {length(walk.track.distance_m)}", "dim")]


def _stops(walk: Walk, tongue: Language) -> list[Line]:
    route, here = walk.route, walk.track.here
    if not route.stops:
        return []
    reached = f"{len(route.reached)}/{len(route.stops)}"
    if walk.stop is not None:
        return [[Segment(say("at_stop", tongue).format(walk.stop.name), "bold"), Segment(f"  {reached}", "dim")]]
    ahead = None if here is None else route.next(here)
    text = "" if ahead is None or here is None else f"{_ahead(ahead, here, tongue)}  "
    return [[Segment(text), Segment(reached, "dim")]]


def _ahead(stop: Stop, here: Place, tongue: Language) -> str:
    east, north = offset_m(stop.place, here)
    wind = _WINDS[round(math.degrees(math.atan2(east, north)) / 45) % len(_WINDS)]
    return say("next_stop", tongue).format(stop.name, length(metres(here, stop.place)), say(f"way:{wind}", tongue))


def notes(walk: Walk, tongue: Language) -> list[str]:
    """Say what is wrong now, the worst first."""
    found = [say("disk", tongue).format(walk.disk)] if walk.disk else []
    found += [_failure(walk.trouble, tongue)] if walk.trouble else []
    found += _missing(walk.radio, tongue)
    found += _notes_on_position(walk, tongue)
    found += [say("no_time", tongue)] if walk.undated else []
    found += [say("satellite_time", tongue)] if walk.by_satellites else []
    found += [say("testing", tongue)] if walk.testing else []
    found += [say("tested", tongue).format(walk.tested)] if walk.tested and not walk.testing else []
    return found


def _failure(failure: Failure, tongue: Language) -> str:
    return failure.detail or say(f"reason:{failure.reason}", tongue)


def _missing(radio: Radio | None, tongue: Language) -> list[str]:
    """Why a sample has no level, and why no place."""
    missing = radio.missing if radio is not None else {}
    found = [_failure(missing["levels"], tongue)] if "levels" in missing else []
    place = missing.get("position")
    return found + ([say("no_position:why", tongue).format(_failure(place, tongue))] if place is not None else [])


def _notes_on_position(walk: Walk, tongue: Language) -> list[str]:
    radio = walk.radio
    if radio is None or radio.latitude is None:
        return []
    old = radio.position_age_s is not None and radio.position_age_s > OLD_S
    found = [say("old_position", tongue).format(round(radio.position_age_s or 0))] if old else []
    frozen = walk.track.same >= FROZEN
    return found + ([say("frozen_position", tongue).format(walk.track.same + 1)] if frozen else [])


# --- the map


def _map(walk: Walk, pane: Pane, rows: int) -> list[Line]:
    here = walk.track.here
    if here is None:
        return [[] for _ in range(rows)]
    stops = [(stop.place, at in walk.route.reached) for at, stop in enumerate(walk.route.stops)]
    symbols = SYMBOLS if pane.unicode else PLAIN
    return list(draw(Scene(here, walk.track.points, stops), columns=pane.columns, rows=rows, symbols=symbols))


def _feet(walk: Walk, pane: Pane) -> list[Line]:
    """The legend, if there is room, and the keys."""
    symbols = SYMBOLS if pane.unicode else PLAIN
    legend: Line = []
    for mark in _MARKS:
        legend += [Segment(symbols[mark], mark), Segment(f" {say(f'mark:{mark}', pane.tongue)} ", "dim")]
    legend += [Segment(symbols["you"], "you"), Segment(f" {say('you', pane.tongue)}", "dim")]
    keys: Sequence[Segment] = [Segment(say("keys:test" if walk.tests else "keys", pane.tongue), "dim")]
    if pane.rows >= _AMPLE or walk.track.here is not None:
        return [legend, list(keys)]
    return [list(keys)]
