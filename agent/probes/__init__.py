"""The table of probes: one function per kind, whose module is imported when it first runs, to keep idling light."""

from typing import Final

from agent.probes.probe import Outcome, ProbeFn, Task


async def _throughput(task: Task) -> Outcome:
    from agent.probes.throughput import probe

    return await probe(task)


async def _latency(task: Task) -> Outcome:
    from agent.probes.latency import probe

    return await probe(task)


async def _ipv6(task: Task) -> Outcome:
    from agent.probes.ipv6 import probe

    return await probe(task)


async def _dns(task: Task) -> Outcome:
    from agent.probes.dns import probe

    return await probe(task)


async def _web(task: Task) -> Outcome:
    from agent.probes.web import probe

    return await probe(task)


async def _path(task: Task) -> Outcome:
    from agent.probes.path import probe

    return await probe(task)


async def _radio(task: Task) -> Outcome:
    from agent.probes.radio import probe

    return await probe(task)


PROBES: Final[dict[str, ProbeFn]] = {
    "throughput": _throughput,
    "latency": _latency,
    "ipv6": _ipv6,
    "dns": _dns,
    "web": _web,
    "path": _path,
    "radio": _radio,
}
