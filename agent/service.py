"""`linkgauge-agent run`: puts the parts together and owns them from start to stop. No rule of the domain lives here."""

import asyncio
import logging
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from agent import files, handover
from agent import profile as profiles
from agent import status as statuses
from agent.clock import Clock, is_set
from agent.config import AgentConfig, CheckPeer
from agent.errors import SpoolError, UsageError
from agent.identity import read_identity
from agent.measure import SOFTWARE, Device
from agent.month import HEAVY, Month
from agent.net.portal_sightings import Portal
from agent.probes import PROBES
from agent.rounds import Rounds, timetable_for
from agent.spool import Spool
from agent.systemd import Notifier
from agent.uplink import Uplink
from agent.wire.control import Profile, Request, Status
from agent.wire.report import Measurement

RECENT: Final = 10
_BOOK: Final = "ledger.json"
_MONTH: Final = "month.json"
_SETTLED_S: Final = 1.0
_REFUSED_S: Final = 600.0
_LOG = logging.getLogger("linkgauge.service")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service is given from outside: clocks, systemd, the file to read again, the check of peers."""

    clock: Clock
    notifier: Notifier
    reread: Callable[[], AgentConfig]
    check_peer: CheckPeer


async def serve(config: AgentConfig, surroundings: Surroundings) -> None:
    """Measure and deliver until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    Raises:
        UsageError: the data folder cannot be used.
        SpoolError: another agent has the spool.
    """
    service = Service(config, surroundings)
    await service.run()


class Service:
    """The parts of a running agent. A fault of network, broker or disk is told and waited out, never the end."""

    def __init__(self, config: AgentConfig, surroundings: Surroundings) -> None:
        self._file = config
        self._around = surroundings
        self._clock = surroundings.clock
        self._folder = _folder(config)
        self._profile = profiles.load(self._folder)
        self._config_error: str | None = None
        self._config = self._laid_over(config)
        self._began = self._clock.boottime()
        self._recent: deque[statuses.Recent] = deque(maxlen=RECENT)
        self._spool = Spool(
            self._folder / "spool.db",
            identity=read_identity(machine_id_file=Path(config.agent.machine_id_file)),
            limit_bytes=config.spool.limit_bytes,
            keep_s=config.spool.keep_days * 86400,
        )
        self._rounds: Rounds | None = None
        self._uplink: Uplink | None = None
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._news = asyncio.Event()
        self._broker_changed = asyncio.Event()
        self._status_unkept = False
        self._month = Month()

    async def run(self) -> None:
        """Run until a signal ends it."""
        last = await asyncio.to_thread(self._open)
        self._rounds = self._make_rounds(last)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._rounds.run(), name="rounds"),
                    group.create_task(self._deliver(), name="uplink"),
                    group.create_task(self._tell(), name="status"),
                    group.create_task(self._obey(), name="reload"),
                    group.create_task(self._watch(), name="watchdog"),
                    group.create_task(self._take_over_surveys(), name="surveys"),
                ]
                self._around.notifier.ready()
                _LOG.info("event=started agent=%s data=%s", self._config.agent.id, self._folder)
                await self._stop.wait()
                self._around.notifier.stopping()
                _LOG.info("event=stopping")
                # Nothing is lost by a hard end: the spool survives one at any instruction.
                loop.call_later(self._config.limits.stop_s, _leave)
                for task in tasks:
                    task.cancel()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
            self._write_status(self._report("stopped"))
            await asyncio.to_thread(self._spool.close)

    # --- the tasks

    async def _deliver(self) -> None:
        """Keep an uplink to the broker; a reload with another broker makes a new one."""
        while True:
            self._broker_changed.clear()
            self._uplink = Uplink(
                self._config.broker,
                agent=self._config.agent.id,
                spool=self._spool,
                status=self.status,
                clock=self._clock,
                on_request=self._on_request,
                on_profile=self._on_profile,
            )
            self._uplink.on_change = self._news.set
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self._uplink.run(), name="uplink-connection")
                await self._broker_changed.wait()
                running.cancel()

    async def _tell(self) -> None:
        """Write status.json now and then, and soon after each report and its receipt; many at once cost one write."""
        pause_s = min(_SETTLED_S, self._config.limits.status_file_s)
        while True:
            await asyncio.to_thread(self._write_status, self._report("online"))
            await asyncio.sleep(pause_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.limits.status_file_s):
                    await self._news.wait()
            self._news.clear()

    async def _obey(self) -> None:
        """Read the configuration again when told to; a bad file changes nothing but the status."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._around.notifier.reloading(self._clock.monotonic())
            try:
                self._take_over(self._around.reread())
                _LOG.info("event=reloaded")
            except UsageError as error:
                self._config_error = str(error)
                _LOG.error("event=reload_refused why=%s", error)
            self._around.notifier.ready()
            self._news.set()

    async def _watch(self) -> None:
        """Tell systemd that the service lives, as long as no run is stuck."""
        every_s = self._around.notifier.watchdog_s
        while every_s:
            if self._rounds is not None and not self._rounds.is_stuck():
                self._around.notifier.alive()
            await asyncio.sleep(every_s)

    async def _take_over_surveys(self) -> None:
        """Deliver what somebody recorded by `survey`, as soon as they are done."""
        told = ""
        while True:
            pause_s = self._config.limits.survey_s
            try:
                if handover.is_flagged(self._folder) and is_set(self._clock.now()):
                    await self._take_over_survey()
                told = ""
            except SpoolError as error:
                if str(error) != told:
                    _LOG.error("event=survey_left why=%s", error)
                told, pause_s = str(error), max(pause_s, _REFUSED_S)
            await asyncio.sleep(pause_s)

    async def _take_over_survey(self) -> None:
        identity = read_identity(machine_id_file=Path(self._config.agent.machine_id_file))
        work = partial(handover.take_over, agent=self._config.agent.id, clock=self._clock, identity=identity)
        places = await asyncio.to_thread(work, self._folder, self._spool)
        if places:
            _LOG.info("event=survey_taken_over reports=%d", sum(last - first + 1 for first, last in places))
            self._news.set()
        if places and self._uplink is not None:
            self._uplink.look_again(places)

    # --- what the collector and the file say

    def _on_request(self, request: Request) -> None:
        if self._rounds is not None:
            self._rounds.ask(request)

    def _on_profile(self, profile: Profile) -> None:
        if profile == self._profile:
            return
        before, self._profile = self._profile, profile
        try:
            config = profiles.apply(profile, self._file, check_peer=self._around.check_peer)
        except UsageError as error:
            self._profile = before
            self._config_error = str(error)
            _LOG.error("event=profile_refused why=%s", error)
        else:
            self._config, self._config_error = config, None
            profiles.keep(self._folder, profile)
            self._change_rounds()
            _LOG.info("event=profile_applied version=%s", profile.version)
        self._news.set()

    def _take_over(self, config: AgentConfig) -> None:
        if config.agent != self._file.agent or config.spool != self._file.spool:
            raise UsageError("changes to [agent] and [spool] need a restart; nothing of the new file is used")
        moved = config.broker != self._file.broker
        laid = profiles.apply(self._profile, config, check_peer=self._around.check_peer)
        self._file, self._config, self._config_error = config, laid, None
        self._change_rounds()
        if moved:
            self._broker_changed.set()

    def _change_rounds(self) -> None:
        if self._rounds is not None:
            self._rounds.change(self._config, self._version())

    # --- what is told

    def status(self) -> Status:
        """Say how the agent is, for the broker."""
        rounds = self._rounds
        health = statuses.health(
            self._folder,
            synchronized=self._clock.synchronized(),
            uptime_s=self._clock.boottime(),
            used_bytes=self._month.at(self._clock.now()).used_bytes,
            allowed=self._config.limits.month_bytes,
        )
        spool_error = rounds.spool_error if rounds else None
        troubles = [self._config_error, *(rounds.kind_errors.values() if rounds else ())]
        config_error = "; ".join(trouble for trouble in troubles if trouble)
        return Status(
            state="online",
            software=SOFTWARE,
            profile=self._version(),
            boot=self._clock.boot_id(),
            epoch=self._spool.epoch or None,
            seq=self._spool.newest_seq,
            spooled=self._spool.spooled,
            dropped=self._spool.dropped,
            next=rounds.next() if rounds else None,
            health=msgspec.structs.replace(health, spool_error=_short(spool_error), config_error=_short(config_error)),
        )

    def _report(self, state: str) -> statuses.Report:
        """Say how the agent is, for a person beside it."""
        status = msgspec.structs.replace(self.status(), state=state)
        health, now = status.health, self._clock.now()
        register = f"linkgauge-collector agent add {self._config.agent.id} --site SITE"
        unregistered = self._uplink is not None and self._uplink.unregistered
        unknown = f"the collector does not know this agent yet; there: {register}" if unregistered else None
        return statuses.Report(
            agent=self._config.agent.id,
            pid=os.getpid(),
            since=now - timedelta(seconds=self._clock.boottime() - self._began),  # also if the clock was set meanwhile
            at=now,
            status=status,
            broker=self._broker(),
            measuring=self._rounds.measuring if self._rounds else None,
            recent=list(self._recent),
            trouble=[text for text in (unknown, health and health.spool_error, health and health.config_error) if text],
        )

    def _broker(self) -> statuses.Broker | None:
        if self._uplink is None:
            return None
        link = self._uplink.state
        return statuses.Broker(
            url=self._config.broker.url, connected=link.connected, since=link.since, last_error=link.last_error
        )

    def _write_status(self, report: statuses.Report) -> None:
        try:
            statuses.write(self._folder, report)
        except OSError as error:
            if not self._status_unkept:
                _LOG.warning("event=status_unkept why=%s", error.strerror)
            self._status_unkept = True
        else:
            self._status_unkept = False

    def _heard(self, measurement: Measurement[Any]) -> None:
        line = statuses.recent(measurement)
        self._recent.appendleft(line)
        if measurement.kind in HEAVY:
            self._count(measurement)
        _LOG.info("event=measured kind=%s value=%r failure=%s", line.kind, line.value, line.failure)
        self._news.set()

    def _count(self, measurement: Measurement[Any]) -> None:
        self._month = self._month.after(measurement, self._clock.now())
        try:
            files.replace(self._folder / _MONTH, msgspec.json.encode(self._month))
        except OSError as error:  # goes on in memory, as the ledger does
            _LOG.debug("event=month_unkept why=%s", error)

    def _affords(self, kind: str) -> bool:
        allowed = self._config.limits.month_bytes
        return allowed is None or kind not in HEAVY or self._month.at(self._clock.now()).used_bytes < allowed

    # --- putting together

    def _version(self) -> str:
        return self._profile.version if self._profile else profiles.LOCAL

    def _laid_over(self, config: AgentConfig) -> AgentConfig:
        try:
            return profiles.apply(self._profile, config, check_peer=self._around.check_peer)
        except UsageError as error:
            self._config_error = str(error)
            self._profile = None
            return config

    def _open(self) -> dict[str, datetime]:
        """Open the spool and read when each kind ran last; a disk that refuses is told and tried again later."""
        try:
            self._spool.open()
            for name in (statuses.NAME, profiles.NAME, _BOOK, _MONTH):
                files.sweep(self._folder / name)
            self._month = _month(self._folder)
            self._recent.extend(statuses.recent(report) for report in self._spool.recent(RECENT))
            reports = {kind: self._spool.last(kind) for kind in PROBES}
        except SpoolError as error:
            if isinstance(error.__cause__, BlockingIOError):  # another agent has it: two would measure each other
                raise
            _LOG.error("event=spool_refused why=%s", error)
            return {}
        return {kind: report.started for kind, report in reports.items() if report is not None}

    def _make_rounds(self, last: dict[str, datetime]) -> Rounds:
        device = Device(
            self._config.agent.id,
            self._clock,
            PROBES,
            profile=self._version(),
            folder=self._folder,
            portal=Portal(self._folder),
        )
        timetable = timetable_for(self._config, last=last, rng=Random(os.urandom(16)))  # noqa: S311 - only spreads load
        rounds = Rounds(self._config, device=device, keeper=self._spool, timetable=timetable, book=self._folder / _BOOK)
        rounds.heard = self._heard
        rounds.affords = self._affords
        if "throughput" in self._config.schedule.kinds():
            rounds.spare = self._test_itself
        return rounds

    async def _test_itself(self) -> None:
        """Learn what this device can do, at first start and after upgrades, to doubt results near it."""
        from agent.speed import ceiling

        found = await ceiling.ensure(self._folder)
        rates = " ".join(f"{rate.cipher}/{rate.way}={rate.mbps:.0f}" for rate in found.rates)
        _LOG.info("event=ceiling mbps=%r missing=%r", rates, found.missing)


def _folder(config: AgentConfig) -> Path:
    folder = Path(config.agent.data)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise UsageError(
            f"agent.data: cannot use {folder}: {error.strerror}; name a folder that can be written"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"agent.data: cannot write in {folder}; give it to the user that runs the agent")
    return folder


def _month(folder: Path) -> Month:
    kept = files.read(folder / _MONTH)
    try:
        return msgspec.json.decode(kept, type=Month) if kept else Month()
    except (msgspec.DecodeError, UnicodeDecodeError):
        _LOG.warning("event=month_unreadable file=%s", folder / _MONTH)
        return Month()


def _short(text: str | None) -> str | None:
    return text[:200] if text else None


def _leave() -> None:
    """End the process although something (a resolver's thread, a dead disk) does not let go."""
    _LOG.warning("event=stop_forced")
    os._exit(0)
