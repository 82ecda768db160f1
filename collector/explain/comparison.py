"""Whether the recorded incidents of a site are those that its measurements make, in words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from collector.chain.rows import Rows
from collector.explain.account import Course, Replay
from collector.explain.courses import covers
from collector.incidents.incident import Incident, Subject
from collector.incidents.reconcile import Sight
from collector.incidents.replay import Compared, Difference, Fault, compared
from collector.plans.types import Text

WORDS: Final[Mapping[Fault, Text]] = {
    "missing": Text(
        vi="dữ liệu cho thấy một sự cố, nhưng không có sự cố nào được ghi",
        en="the measurements make an incident that is not recorded",
    ),
    "unborne": Text(
        vi="đã được ghi, nhưng dữ liệu không cho thấy",
        en="it is recorded, and the measurements do not make it",
    ),
    "still_open": Text(
        vi="được ghi là đang diễn ra, nhưng dữ liệu cho thấy đã kết thúc",
        en="it is recorded as active, and the measurements say that it is over",
    ),
    "already_over": Text(
        vi="được ghi là đã kết thúc, nhưng dữ liệu cho thấy vẫn đang diễn ra",
        en="it is recorded as over, and the measurements say that it goes on",
    ),
}


def comparisons(
    found: Iterable[Course],
    incidents: Sequence[Incident],
    kinds: Mapping[str, Rows],
    site: str,
    at: datetime,
    since: datetime | None = None,
) -> list[Compared]:
    """For each cause, what is recorded of a site (`incidents`: and of groups with it) held against its courses.

    `at`: until when measurements were looked at. `since`: what began before then is not told of, though the rows reach
    farther back.
    """  # fmt: skip
    return [_compared(course, incidents, kinds, site, (at, since)) for course in found]


def replays(found: Iterable[Compared]) -> list[Replay]:
    """The same in words."""
    return [
        Replay(one.cause, one.same, [said(difference) for difference in one.differences], one.agree, one.untold)
        for one in found
    ]


def said(difference: Difference) -> Text:
    """One difference in words: when it opened, which incident it is about, what is not the same."""
    words = WORDS[difference.fault]
    which = f"{difference.opened:%Y-%m-%d %H:%M:%S} UTC" + (f", {difference.incident}" if difference.incident else "")
    return Text(vi=f"{which}: {words.vi}", en=f"{which}: {words.en}")


def _compared(
    course: Course, incidents: Sequence[Incident], kinds: Mapping[str, Rows], site: str,
    span: tuple[datetime, datetime | None],
) -> Compared:  # fmt: skip
    at, since = span
    first = covers(kinds, course.detector)
    bounds = [one for one in (first, since) if one is not None]
    same = [one for one in incidents if one.cause == course.cause and one.opened <= at]
    sight = Sight(
        Subject(site),
        course.cause,
        at,
        covers=max(bounds) if first is not None else None,
        parents=[one for one in same if one.group is not None and site in one.children],
    )
    return compared([one for one in same if one.site == site], course.episodes, sight)
