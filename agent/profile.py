"""The schedule that the collector hands out: laid over the file's settings, and kept on disk for a start offline."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from agent import files
from agent.config import AgentConfig, CheckPeer, KindSettings
from agent.errors import UsageError
from agent.wire.codec import Rejection, decode, encode
from agent.wire.control import Profile

NAME: Final = "profile.json"
LOCAL: Final = "default-1"  # the name of the schedule when no collector has sent one
LEAST_EVERY_S: Final = 5.0
MOST_EVERY_S: Final = 31_622_400.0  # as in the file: beyond it a schedule leaves the calendar
_LOG = logging.getLogger("linkgauge.profile")


def apply(profile: Profile | None, config: AgentConfig, *, check_peer: CheckPeer) -> AgentConfig:
    """Lay a profile over a configuration; kinds that this version does not have are left out.

    Raises:
        UsageError: the profile asks for what this agent cannot do; the old settings stay.
    """
    if profile is None:
        return config
    changed: dict[str, KindSettings] = {}
    for kind, slot in profile.schedule.items():
        settings = getattr(config.schedule, kind, None)
        if not isinstance(settings, KindSettings):
            continue
        if slot.every_s < LEAST_EVERY_S:
            raise UsageError(f"profile {profile.version}: {kind} every {slot.every_s:g} s is too often")
        if slot.every_s > MOST_EVERY_S:
            raise UsageError(f"profile {profile.version}: {kind} every {slot.every_s:g} s is too seldom")
        changed[kind] = msgspec.structs.replace(settings, every_s=slot.every_s, enabled=True)
    config = msgspec.structs.replace(config, schedule=msgspec.structs.replace(config.schedule, **changed))
    if not profile.peers:
        return config
    for url in profile.peers:
        check_peer(url)
    return msgspec.structs.replace(config, peer=msgspec.structs.replace(config.peer, urls=list(profile.peers)))


def load(folder: Path) -> Profile | None:
    """Read the profile that was kept; None if there is none that can be read."""
    kept = files.read(folder / NAME)
    if kept is None:
        return None
    profile = decode(kept, Profile)
    if isinstance(profile, Rejection):
        _LOG.warning("event=profile_unreadable file=%s why=%s", folder / NAME, profile.detail)
        return None
    return profile


def keep(folder: Path, profile: Profile) -> None:
    """Keep a profile for the next start; a disk that refuses costs only that."""
    try:
        files.replace(folder / NAME, encode(profile))
    except OSError as error:
        _LOG.warning("event=profile_unkept why=%s", error.strerror)
