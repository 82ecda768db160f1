"""From a survey's spool to the agent's own: what was recorded on the way is taken over, and delivered like the rest.

A spool belongs to one process, and the service may run while somebody walks. So a survey has a spool of its own, with
an epoch of its own, in `agent.data/survey`. When nobody walks, whoever holds the agent's spool (the service; without
one, the survey at its end) takes the reports over as they are. One queue, one MQTT client, one status, and the
receipt, resend and keeping rules of all reports hold for these, too.

Order, and what a power cut leaves: taken over durably, then marked as receipted in the survey's spool, then the flag
goes. Cut in between, it is done again, which changes nothing.
"""

import logging
import os
from itertools import groupby
from pathlib import Path
from typing import Final

from agent import __version__
from agent.clock import Clock, is_set, uuid7
from agent.errors import SpoolError
from agent.identity import Identity
from agent.outbox import Slip
from agent.spool import Spool
from agent.wire.report import Clock as ClockFacts
from agent.wire.report import Measurement
from agent.wire.results import Ledger, Range

NAME: Final = "survey"
FLAG: Final = "waiting"
LIMIT_BYTES: Final = 32 * 1024 * 1024
"""Some 25000 samples: a day and night, at one every three seconds."""
_KEEP_S: Final = 86_400.0
_BATCH: Final = 40
_RANDOM: Final = 10
_LOG = logging.getLogger("linkgauge.handover")


def survey_spool(folder: Path, *, identity: Identity) -> Spool:
    """Give the spool of surveys in a data folder; not opened yet."""
    return Spool(folder / NAME / "spool.db", identity=identity, limit_bytes=LIMIT_BYTES, keep_s=_KEEP_S)


def raise_flag(folder: Path) -> None:
    """Say durably that a survey has recorded something. Raises OSError."""
    path = folder / NAME / FLAG
    path.touch(mode=0o640)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_flagged(folder: Path) -> bool:
    """Whether a survey's spool has something that was not taken over: one look at the disk, nothing is opened."""
    return (folder / NAME / FLAG).exists()


def give_to_owner(folder: Path) -> None:
    """Give a survey's files (and the spool, if it is new) to whoever owns the data folder: the service must read them.

    Only root can, and needs to: technicians run surveys with sudo.
    """
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for path in (folder / NAME, *(folder / NAME).glob("*"), *folder.glob("spool.db*")):
        try:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        except FileNotFoundError:  # the spool's files come and go
            continue
        except OSError as error:
            _LOG.error("event=survey_owner path=%s why=%s", path, error.strerror)


def take_over(folder: Path, spool: Spool, *, agent: str, clock: Clock, identity: Identity) -> list[Range]:
    """Take over what surveys recorded; gives the places that it has in the agent's spool now.

    Nothing while somebody walks, and nothing without a flag. What waits for a time stays until the clock is set.

    Raises:
        SpoolError: one of both spools cannot be used, or has no room; nothing is lost by that.
    """
    if not is_flagged(folder):
        return []
    source = survey_spool(folder, identity=identity)
    try:
        source.open()
    except SpoolError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return []
        raise
    try:
        source.date(clock.now(), clock.boottime(), clock.boot_id())
        if is_set(clock.now()) and source.dropped_ranges():
            source.put(_declaration(agent, clock))
        places = _moved(source, spool, agent, clock)
        if is_set(clock.now()) and source.spooled:
            _LOG.error("event=survey_left reports=%d why=recorded under another agent.id than now", source.spooled)
        if is_set(clock.now()) or not source.spooled:  # else something waits for its time
            _lower_flag(folder)
    finally:
        source.close()
    return places


def _moved(source: Spool, spool: Spool, agent: str, clock: Clock) -> list[Range]:
    places: list[Range] = []
    after = 0
    while page := source.waiting(after, _BATCH, agent=agent):
        bodies = source.bodies(slip.place for slip in page)
        found = [slip for slip in page if slip.place in bodies]
        places += spool.adopt(agent, [(slip.epoch, slip.seq, bodies[slip.place]) for slip in found])
        for epoch, slips in groupby(found, key=_epoch):
            source.stored(epoch, [(slip.seq, slip.seq) for slip in slips], clock.now())
        after = page[-1].place
    return places


def _epoch(slip: Slip) -> str:
    return slip.epoch


def _lower_flag(folder: Path) -> None:
    try:
        (folder / NAME / FLAG).unlink(missing_ok=True)
    except OSError as error:
        raise SpoolError(f"{folder / NAME}: {error.strerror}; check the folder and its owner") from error


def _declaration(agent: str, clock: Clock) -> Measurement[Ledger]:
    """What the survey's spool had to give up, said in its own epoch; the spool fills in which reports."""
    now = clock.now()
    return Measurement(
        id=uuid7(now, os.urandom(_RANDOM)),
        agent=agent,
        kind="ledger",
        started=now,
        duration_s=0.0,
        clock=ClockFacts(synchronized=clock.synchronized()),
        software=f"linkgauge-agent/{__version__}",
        result=Ledger(day=now.date()),
    )
