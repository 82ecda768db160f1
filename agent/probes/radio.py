"""The mobile modem: operator, technology, band, cell, levels, registration, roaming, and where it stands.

No peer, no traffic, no network needed: the modem is asked what it hears. It is never enabled, unlocked, registered or
connected; a modem without SIM or without network is a reading that says so (state, state_reason, registration) and has
no levels, since unknown is a state and never a zero. Only where there is no modem to ask is the run a failure.

Levels are raw, in dBm and dB: RSRP, RSRQ, SINR of 4G (3GPP TS 36.214), SS-RSRP, SS-RSRQ, SS-SINR of 5G (TS 38.215),
RSCP and Ec/No of 3G (TS 25.215), RSSI. Those of 4G and 5G are never mixed: on 5G non-standalone both are there.

Asked over D-Bus: ModemManager 1.20 or later (extra `radio`). A modem that ModemManager does not know is asked by AT
commands that only read (3GPP TS 27.007, and Quectel's AT+QENG).

Options:
  modem=NAME         ModemManager's number, an IMEI, a port (cdc-wdm0) or a sysfs path; default: the first
  device=PATH        the modem's AT port, for example /dev/ttyUSB2, instead of ModemManager
  bus=ADDRESS        another message bus than the system's
  rate=5             seconds between ModemManager's readings while it is asked (1 to 60)
  wait=6             seconds that the first levels, and a fix, may take (1 to 20)
  gnss=false         true: switch the modem's own receiver on for the run, and read it
  gpsd=HOST:PORT     take the position from a gpsd (2947 if no port is given)
  max_age=30         seconds that a fix may be old (1 to 600)
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from agent.clock import SystemClock
from agent.errors import Failed, UsageError
from agent.probes.options import check_names, number, whole_number
from agent.probes.probe import Outcome, Progress, Task
from agent.radio.modem import Modem
from agent.radio.modemmanager import Wanted, managed_modem
from agent.radio.position import Position, PositionSource, placed
from agent.wire.failure import Failure
from agent.wire.results import Radio

KIND: Final = "radio"
OPTIONS: Final = ("modem", "device", "bus", "rate", "wait", "gnss", "gpsd", "max_age")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which modem, how it is reached (`device`: its AT port, else ModemManager), and who says where it stands."""

    wanted: Wanted = field(default_factory=Wanted)
    device: str | None = None
    gpsd: tuple[str, int] | None = None


def planned(task: Task) -> Plan:
    """Read a task's options; raises UsageError."""
    options = task.options
    check_names(KIND, options, OPTIONS)
    device, gpsd = options.get("device"), options.get("gpsd")
    for name in ("modem", "bus", "gnss"):
        if device is not None and name in options:
            raise UsageError(f"{KIND} option {name} is for ModemManager; it does not go with device")
    if options.get("gnss", "false") not in {"true", "false"}:
        raise UsageError(f"{KIND} option gnss: expected true or false, not {options['gnss']!r}")
    wanted = Wanted(
        name=options.get("modem", ""),
        rate_s=whole_number(KIND, options, "rate", bounds=(1, 60), default=5),
        wait_s=number(KIND, options, "wait", bounds=(1, 20), default=6),
        gnss=options.get("gnss") == "true",
        max_age_s=number(KIND, options, "max_age", bounds=(1, 600), default=30),
        bus=options.get("bus"),
    )
    if wanted.gnss and gpsd is not None:
        raise UsageError(f"{KIND}: gnss and gpsd both say where the modem is; choose one")
    return Plan(wanted, device, _host_and_port(gpsd) if gpsd is not None else None)


@contextlib.asynccontextmanager
async def opened(plan: Plan, now: Callable[[], datetime]) -> AsyncIterator[tuple[Modem, PositionSource | None]]:
    """Open the modem and name what tells positions; the survey samples it again and again.

    Raises:
        Failed: there is no modem, or it may not be used.
    """
    wanted = plan.wanted
    source: PositionSource | None = None
    if plan.gpsd is not None:
        from agent.radio.gpsd import Gpsd

        source = Gpsd(*plan.gpsd, now, wait_s=wanted.wait_s, max_age_s=wanted.max_age_s)
    if plan.device is not None:
        from agent.radio.at_port import serial_modem

        async with serial_modem(plan.device) as modem:
            yield modem, source
    else:
        async with managed_modem(wanted, now) as modem:
            yield modem, source or modem.gnss


async def taken(modem: Modem, source: PositionSource | None) -> Radio:
    """Take one sample and, meanwhile, the position; one that cannot be had is named in `missing`.

    Raises:
        Failed: the modem went away, or did not answer.
    """
    try:
        async with asyncio.TaskGroup() as group:
            sample = group.create_task(modem.sample(), name="radio-sample")
            place = group.create_task(_placing(source), name="radio-position")
    except ExceptionGroup as several:
        raise _only(several) from several
    radio, found = sample.result(), place.result()
    if isinstance(found, Failure):
        return msgspec.structs.replace(radio, missing={**radio.missing, "position": found})
    return placed(radio, found) if found is not None else radio


async def probe(task: Task) -> Outcome:
    """Take one sample of the modem; raises Failed if there is none."""
    plan = planned(task)
    task.progress(Progress(0.0, "modem"))
    async with opened(plan, SystemClock().now) as (modem, source):
        task.progress(Progress(0.2, "levels"))
        radio = await taken(modem, source)
        link = modem.link
    shown = radio.rsrp_dbm if radio.rsrp_dbm is not None else radio.nr_rsrp_dbm
    task.progress(Progress(1.0, "levels", shown, "dBm"))
    return Outcome(radio, link=link)


async def _placing(source: PositionSource | None) -> Position | Failure | None:
    try:
        return await source.position() if source is not None else None
    except Failed as failed:
        return failed.failure


def _only(several: ExceptionGroup) -> Exception:
    """The failure that ended a group of two tasks, of which one cancels the other."""
    failed = several.subgroup(Failed)
    return failed.exceptions[0] if failed is not None else several


def _host_and_port(text: str) -> tuple[str, int]:
    from agent.radio.gpsd import PORT

    host, colon, port = text.rpartition(":")
    if text.endswith("]") or not colon:
        host, port = text, str(PORT)
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports
        raise UsageError(f"{KIND} option gpsd: expected HOST or HOST:PORT, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
