"""One run of one probe, from order to measurement: what every kind shares, so that no probe can forget it.

The deadline, the id, the start, the duration, the facts of the device, and the naming of what went wrong are here.
The only catch-all around a probe is here too: its fault becomes a report that says so.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from agent import __version__
from agent.clock import Clock, is_set, uuid7
from agent.errors import AgentError, Failed, UsageError
from agent.net.interfaces import link_to
from agent.net.portal_sightings import Portal
from agent.probes.probe import Outcome, ProbeFn, Task
from agent.wire.failure import Doubt, Failure, Reason, Stage
from agent.wire.path import Path as PathResult
from agent.wire.report import Clock as ClockFacts
from agent.wire.report import Link, Measurement, Peer
from agent.wire.results import Direction, Throughput

SOFTWARE = f"linkgauge-agent/{__version__}"
_LOG = logging.getLogger("linkgauge.measure")


@dataclass(frozen=True, slots=True)
class Order:
    """One run to make: the kind, the probe's task, when to give up, and the request that asked for it."""

    kind: str
    task: Task
    deadline_s: float
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """Who measures, and with what. `folder`: where probes may keep small facts between runs.

    `portal`: what is known of a captive portal; None: what stands in the folder.
    """

    agent: str
    clock: Clock
    probes: Mapping[str, ProbeFn]
    profile: str | None = None
    folder: Path | None = None
    portal: Portal | None = None
    random: Callable[[int], bytes] = os.urandom


async def measure(order: Order, device: Device) -> Measurement[Any]:
    """Make one run; whatever happens in it, the answer is a measurement with a result or a failure.

    Raises:
        UsageError: the task itself is wrong (an unknown option, a peer that does not fit); nothing was measured.
    """
    clock = device.clock
    started, begin = clock.now(), clock.monotonic()
    ended = await _attempt(order, device, started)
    outcome = ended if isinstance(ended, Outcome) else None
    peer = ended.peer or _peer(order.task)
    made: Measurement[Any] = Measurement(
        id=uuid7(started, device.random(10)),
        agent=device.agent,
        kind=order.kind,
        started=started,
        duration_s=round(max(0.0, clock.monotonic() - begin), 6),
        family=ended.family if outcome else ended.family or order.task.family,
        peer=peer,
        link=outcome.link if outcome else _link(peer),
        clock=ClockFacts(synchronized=clock.synchronized()),
        software=SOFTWARE,
        profile=device.profile,
        result=outcome.result if outcome else None,
        failure=ended.failure if isinstance(ended, Failed) else None,
        doubts=_doubts(outcome.doubts if outcome else (), started),
        request=order.request,
    )
    return _beside_portal(made, device.portal or Portal(device.folder))


def _beside_portal(made: Measurement[Any], portal: Portal) -> Measurement[Any]:
    """Doubt what was measured while a captive portal stands in the way, whatever kind it is."""
    portal.heed(made)
    if Doubt.CAPTIVE_PORTAL in made.doubts or not portal.stands(made.started):
        return made
    return msgspec.structs.replace(made, doubts=[*made.doubts, str(Doubt.CAPTIVE_PORTAL)])


def failures(measurement: Measurement[Any]) -> list[Failure]:
    """List the failure of a measurement, or those of the parts of its result."""
    if measurement.failure is not None:
        return [measurement.failure]
    if isinstance(measurement.result, Throughput):
        parts: list[Direction | None] = [measurement.result.download, measurement.result.upload]
        return [part.failure for part in parts if part is not None and part.failure is not None]
    if isinstance(measurement.result, PathResult) and measurement.result.failure is not None:
        return [measurement.result.failure]
    return []


async def _attempt(order: Order, device: Device, started: datetime) -> Outcome | Failed:
    probe = device.probes.get(order.kind)
    if probe is None:
        raise UsageError(f'no probe is called "{order.kind}"; there are {", ".join(sorted(device.probes))}')
    task = replace(order.task, at=started, folder=device.folder)
    deadline = asyncio.timeout(order.deadline_s)
    try:
        async with deadline:
            return await probe(task)
    except Failed as failed:
        return failed
    except UsageError:
        raise
    except TimeoutError as error:
        why = f"no end after {order.deadline_s:g} s" if deadline.expired() else str(error)
        return Failed(Stage.TRANSFER, Reason.TIMEOUT, why or None)
    except Exception as error:  # noqa: BLE001 - a probe's fault must become a report, not the end of the service
        return _accident(error, order.kind)


def _accident(error: Exception, kind: str) -> Failed:
    """Name what a probe did not name: the Failed that its task group wrapped, or a fault of our own."""
    inner: BaseException | None = error
    while isinstance(inner, BaseExceptionGroup):
        named = inner.subgroup((Failed, UsageError))
        inner = (named or inner).exceptions[0]
    if isinstance(inner, Failed):
        return inner
    if isinstance(inner, UsageError):
        raise inner
    if not isinstance(inner, AgentError):
        _LOG.error("event=probe_fault kind=%s", kind, exc_info=error)
    return Failed(Stage.DEVICE, Reason.INTERNAL, f"{type(inner).__name__}: {inner}")


def _peer(task: Task) -> Peer | None:
    return Peer(url=task.peer[:200]) if task.peer else None


def _link(peer: Peer | None) -> Link | None:
    """Name the interface that a run which failed would have gone through, if it came so far as to have an address."""
    if peer is None or peer.address is None:
        return None
    found = link_to(peer.address)
    return found if found.interface else None


def _doubts(found: tuple[str, ...], started: datetime) -> list[str]:
    doubts = [str(doubt) for doubt in dict.fromkeys(found)]
    if not is_set(started) and Doubt.CLOCK_UNSET not in doubts:
        doubts.append(str(Doubt.CLOCK_UNSET))
    return doubts
