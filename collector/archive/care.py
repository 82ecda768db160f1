"""What an archive needs from time to time: old days deleted, finished days sealed. Sync, for a thread."""

import logging
from datetime import date
from typing import Final

from collector.archive.archive import Archive
from collector.archive.position import Position
from collector.archive.seal import NotSealed
from collector.errors import StoreUnavailable

LOG: Final = logging.getLogger(__name__)


def tend(archive: Archive, *, before: date | None, upto: Position | None = None, level: int | None) -> None:
    """Delete our days before a date and seal what is finished, with progress in the log; what fails waits.

    `before` None: keep everything. `level` None: seal nothing. `upto`: seal only days before it.
    """
    try:
        if before is not None:
            archive.expire(before)
        days = archive.unsealed(upto)
    except StoreUnavailable as error:
        LOG.warning("archive.expiry_failed error=%s; tried again in an hour", error)
        return
    if level is None:
        return
    for number, day in enumerate(days, 1):
        LOG.info("archive.to_seal day=%s number=%d of=%d", day, number, len(days))
        try:
            archive.seal(day, level=level)
        except NotSealed as error:
            LOG.warning("archive.not_sealed day=%s error=%s", day, error)
        except StoreUnavailable as error:
            if archive.is_open:
                LOG.warning("archive.not_sealed day=%s error=%s; tried again in an hour", day, error)
            return
