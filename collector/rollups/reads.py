"""Which questions to the store compute many buckets: few, of bounded size. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.rollups.buckets import Bucket

SITE_HOURS: Final = 50_000
"""Hours times sites of one question: as many rows where reports come every hour."""
RUN: Final = timedelta(hours=96)
"""Buckets of one site that follow each other are read together up to so long: a backlog comes as whole days."""


@dataclass(frozen=True, slots=True)
class Read:
    """One question: these sites from `start` to before `end`, and the buckets in it, which are the same for each."""

    sites: tuple[str, ...]
    buckets: tuple[Bucket, ...]

    @property
    def start(self) -> datetime:
        """From when rows are wanted."""
        return self.buckets[0].start

    @property
    def end(self) -> datetime:
        """Until before when."""
        return self.buckets[-1].end


def reads(wanted: Sequence[tuple[str, Bucket]], *, site_hours: int = SITE_HOURS) -> Iterator[Read]:
    """Questions that together hold every bucket of every site; the buckets are of one level."""
    by_site: dict[str, list[Bucket]] = defaultdict(list)
    for site, bucket in sorted(set(wanted)):
        by_site[site].append(bucket)
    by_run: dict[tuple[Bucket, ...], list[str]] = defaultdict(list)
    for site, buckets in by_site.items():
        for run in _runs(buckets):
            by_run[run].append(site)
    for run, sites in by_run.items():
        hours = max((run[-1].end - run[0].start) / timedelta(hours=1), 1.0)
        most = max(int(site_hours / hours), 1)
        for first in range(0, len(sites), most):
            yield Read(tuple(sites[first : first + most]), run)


def _runs(buckets: Sequence[Bucket]) -> Iterator[tuple[Bucket, ...]]:
    """Cut buckets in order into stretches without gaps, none longer than `RUN` unless it is a single bucket."""
    run: list[Bucket] = []
    for bucket in buckets:
        if run and (run[-1].end != bucket.start or bucket.end - run[0].start > RUN):
            yield tuple(run)
            run = []
        run.append(bucket)
    if run:
        yield tuple(run)
