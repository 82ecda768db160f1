"""The files of one slot, day by day: found, looked up and read in order, whoever writes them. Safe for threads.

A day has up to two files, read as one: a `.gz` of older versions, then the `.zst`.
"""

import errno
import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final

from collector.archive.frame import lines_of, reports_of, sealed_from
from collector.archive.head import is_report
from collector.archive.keys import SPAN, Stale
from collector.archive.part import Part, Place
from collector.archive.position import Position
from collector.archive.segment import make_durable
from collector.errors import StoreUnavailable

LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.5  # a reader looks at most so often for what others wrote
_REMEMBERED: Final = 4  # frames
_YOUNG_S: Final = 5.0  # a folder is looked at again then: a file may come in the same tick of the clock as our look
_YEAR: Final = "[0-9][0-9][0-9][0-9]"
_TRIES: Final = 3  # a file that is replaced while it is read
Reports = list[tuple[datetime, bytes]]


class Days:
    """One slot. `writer`: only we write here, so what is noted is all there is."""

    def __init__(self, folder: Path, slot: str, *, writer: bool, look_s: float = LOOK_S) -> None:
        self.folder = folder
        self.slot = slot
        self.lock = threading.RLock()
        self.parts: dict[date, list[Part]] = {}
        self._writer = writer
        self._look_s = look_s
        self._looked = float("-inf")
        self._texts: dict[Place, bytes] = {}
        self._stamps: dict[str, int] = {}
        self._young: dict[str, float] = {}
        self._spans: dict[bytes, tuple[date, ...]] = {}
        self._loose: set[date] = set()

    def put(self, day: date, parts: list[Part]) -> None:
        """Say which parts a day has; ids come into it later only while it is the newest, or has fresh ones."""
        self.parts[day] = parts
        self._loose.add(day)

    def drop(self, day: date) -> None:
        """Say that a day is gone."""
        del self.parts[day]
        self._loose.discard(day)

    def files(self, year: str = _YEAR) -> dict[date, list[Path]]:
        """Find the data files, those that a sealed one was made of left out. Raises OSError."""
        found: dict[date, list[Path]] = {}
        for path in sorted(self.folder.glob(f"{year}/????-??-??.*")):
            day = _day_of(path)
            if day is not None:
                found.setdefault(day, []).append(path)  # .gz sorts before .zst
        for day, paths in found.items():
            made_of = sealed_from(paths[-1]) if len(paths) > 1 else []
            found[day] = [path for path in paths if path == paths[-1] or path.name not in made_of]
        return found

    def refresh(self) -> None:
        """Take in what others wrote, unless that was just done. Raises StoreUnavailable."""
        if self._writer or monotonic() - self._looked < self._look_s:
            return
        with self.lock:
            for tries in range(_TRIES + 1):
                try:
                    self._look()
                except OSError as error:
                    if tries < _TRIES and isinstance(error, FileNotFoundError):
                        continue  # deleted while we looked
                    raise StoreUnavailable(f"archive {self.folder}: {error}; check the disk") from error
                break
            self._looked = monotonic()

    def days(self) -> list[tuple[date, int]]:
        """Give each day with how many reports it holds."""
        with self.lock:
            return [(day, _count(self.parts[day])) for day in sorted(self.parts)]

    def reaches(self, position: Position) -> bool:
        """Whether the day of a position has so many reports, seen anew. Raises StoreUnavailable."""
        self.look_anew()
        self.refresh()
        with self.lock:
            return _count(self.parts.get(position.day, ())) >= position.reports

    def settle(self) -> None:
        """See the files anew, and make durable what is seen in the newest: who wrote there may have died over it.

        Raises:
            StoreUnavailable: the disk refuses.
        """
        self.look_anew()
        self.refresh()
        with self.lock:
            newest = [part.path for part in self.parts[max(self.parts)]] if self.parts else []
        try:
            for path in newest:
                make_durable(path)
        except OSError as error:
            raise StoreUnavailable(f"archive {self.folder}: {error}; check the disk") from error

    def unsealed(self) -> list[date]:
        """Name days, but the newest, that are not sealed. Raises StoreUnavailable."""
        with self.lock:
            try:
                return [day for day in sorted(self.parts)[:-1] if not is_sealed(self.parts[day])]
            except OSError as error:
                raise StoreUnavailable(f"archive {self.folder}: {error}; check the disk") from error

    def size(self) -> int:
        """Bytes of all files, keys included."""
        return sum(part.end + part.keys_end for parts in list(self.parts.values()) for part in list(parts))

    def holds(self, key: bytes) -> bool:
        """Whether a report of this id is here. Raises StoreUnavailable."""
        return any(certain or self._at(place, number, key) for place, number, certain in self._found(key))

    def read(self, key: bytes) -> bytes | None:
        """Give a report's exact bytes. Raises StoreUnavailable when they are there, but damaged."""
        for place, number, certain in self._found(key):
            raw = self._at(place, number, key)
            if raw is not None:
                return raw
            if certain:
                raise StoreUnavailable(f"archive {self.folder}: {place.path.name} is damaged at {place.offset}")
        return None

    def after(self, position: Position | None) -> Iterator[tuple[Position, Reports]]:
        """Give what comes after a position, frame by frame, with the position after each."""
        day, number = (position.day, position.reports) if position is not None else (date.min, 0)
        tries = 0
        while True:
            try:
                found = self._next(day, number)
                if found is None:
                    return
                next_day, base, place = found
                reports = self._reports(place)
            except Stale:
                self.forget_look(tries)
                tries += 1
                continue
            done = number - base - place.first if next_day == day else 0
            tries, day, number = 0, next_day, base + place.after
            if reports[done:]:
                yield Position(self.slot, day, number), reports[done:]

    def _reports(self, place: Place) -> Reports:
        """Read a frame; nothing, with a word in the log, of a damaged one. Raises Stale, StoreUnavailable."""
        try:
            return reports_of(place.text())
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno != errno.EIO:  # it may well be read another time
                raise StoreUnavailable(f"archive {self.folder}: {place.path.name}: {error}; check the disk") from error
            LOG.error("archive.damaged file=%s offset=%d error=%s; passed over", place.path, place.offset, error)  # noqa: TRY400 - it happened to the file, not here
            return []

    def look_anew(self) -> None:
        """Let the next question see what others have just written."""
        self._looked = float("-inf")
        self._young = dict.fromkeys(self._young, float("-inf"))

    def forget_look(self, tries: int) -> None:
        """Look again at once, as a file was replaced; raises StoreUnavailable when that goes on and on."""
        if tries >= _TRIES:
            raise StoreUnavailable(f"archive {self.folder}: its files change under our hands")
        self._looked = float("-inf")
        self._stamps = {}

    def _next(self, day: date, number: int) -> tuple[date, int, Place] | None:
        """Find the frame of the next report: its day, how many reports precede its file there, and where it lies."""
        self.refresh()
        with self.lock:
            for other in sorted(other for other in self.parts if other >= day):
                wanted, base = number if other == day else 0, 0
                for part in self.parts[other]:
                    if wanted < base + part.reports and (place := self._place(part, wanted - base)) is not None:
                        return other, base, place
                    base += part.reports
                if wanted > base:
                    LOG.warning("archive.shorter_than_followed day=%s reports=%d followed=%d", other, base, wanted)
        return None

    def _place(self, part: Part, number: int) -> Place | None:
        try:
            return part.place(number)
        except OSError as error:
            raise StoreUnavailable(f"archive {self.folder}: keys: {error}; check the disk") from error

    def _found(self, key: bytes) -> Iterator[tuple[Place, int, bool]]:
        """Give frames that may hold an id, with the report's number in the frame and whether that is certain."""
        for tries in range(_TRIES + 1):
            self.refresh()
            try:
                with self.lock:
                    found = list(self._search(key))
            except Stale:
                self.forget_look(tries)
            except (OSError, ValueError) as error:
                raise StoreUnavailable(f"archive {self.folder}: keys: {error}; check the disk") from error
            else:
                yield from found
                return

    def _search(self, key: bytes) -> Iterator[tuple[Place, int, bool]]:
        for day in sorted({*self._loose, *self._days_of(key[:SPAN])}, reverse=True):
            for part in self.parts.get(day, ()):
                for number, certain in part.find(key):
                    place = part.place(number)
                    if place is not None:
                        yield place, number - place.first, certain

    def _days_of(self, span: bytes) -> tuple[date, ...]:
        """Name finished days whose ids speak of this time; an archive has thousands of days, an id has a few."""
        newest = max(self._loose, default=None)
        for day in [day for day in self._loose if day != newest]:
            spans = [part.spans for part in self.parts.get(day, ())]
            if None not in spans:
                for one in frozenset[bytes]().union(*(some for some in spans if some is not None)):
                    known = self._spans.get(one, ())
                    if day not in known:
                        self._spans[one] = (*known, day)
                self._loose.discard(day)
        return self._spans.get(span, ())

    def _at(self, place: Place, number: int, key: bytes) -> bytes | None:
        try:
            raw = next(islice(lines_of(self._text(place)), number, None), (b"", b""))[1]
        except Stale:
            return self._again(key)
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"archive {self.folder}: {place.path.name} at {place.offset}: {error}") from error
        return raw if is_report(raw, key) else None

    def _text(self, place: Place) -> bytes:
        """Read a frame, or remember it: what an agent sends again was archived together."""
        with self.lock:
            text = self._texts.pop(place, None)
        if text is None:
            text = place.text()
        with self.lock:
            self._texts[place] = text
            while len(self._texts) > _REMEMBERED:
                del self._texts[next(iter(self._texts))]
        return text

    def _again(self, key: bytes) -> bytes | None:
        """Look an id up once more, as its file was replaced meanwhile."""
        self.forget_look(0)
        for place, number, _ in self._found(key):
            try:
                raw = next(islice(lines_of(place.text()), number, None), (b"", b""))[1]
            except (Stale, OSError, ValueError) as error:
                raise StoreUnavailable(f"archive {self.folder}: {place.path.name} changes under our hands") from error
            if is_report(raw, key):
                return raw
        return None

    def _look(self) -> None:
        """Look at the years where names changed, and at the file that grows."""
        now = monotonic()
        stamps = {path.name: path.stat().st_mtime_ns for path in self.folder.glob(_YEAR)}
        changed = {year for year in stamps.keys() | self._stamps.keys() if stamps.get(year) != self._stamps.get(year)}
        grown = {year for year, since in self._young.items() if now - since >= _YOUNG_S}
        for year in changed | grown:
            self._look_at_year(year)
        self._young = {year: since for year, since in self._young.items() if year not in grown}
        self._young |= dict.fromkeys(changed & stamps.keys(), now)
        self._stamps = stamps
        for part in self.parts[max(self.parts)] if self.parts else []:
            part.look()

    def _look_at_year(self, year: str) -> None:
        found = self.files(year)
        for day in [day for day in self.parts if f"{day.year:04}" == year and day not in found]:
            self.drop(day)
        for day, paths in found.items():
            known = {part.path: part for part in self.parts.get(day, [])}
            self.put(day, [known.get(path) or Part(path) for path in paths])
            for part in self.parts[day]:
                part.look()


def is_sealed(parts: Sequence[Part]) -> bool:
    """Whether a day's files are sealed already. Raises OSError."""
    return len(parts) == 1 and parts[0].sealed


def _count(parts: Sequence[Part]) -> int:
    return sum(part.reports for part in parts)


def _day_of(path: Path) -> date | None:
    if path.suffix not in (".gz", ".zst"):
        return None
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return None
