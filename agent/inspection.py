"""What `check-config` looks at beyond the file: files that it names, options of each kind, programs, what will not go.

The service does not ask all this when it starts: it measures what it can, and reports what it cannot.
"""

import os
from importlib import import_module
from typing import Final

from agent.config import AgentConfig, KindSettings
from agent.errors import UsageError
from agent.net.peer_url import parse
from agent.peers import NO_PEER, cautions, options_for, peers_for
from agent.probes.probe import Task, family_of

_REMEDIES: Final = {
    "throughput": "add one, for example msak+wss://HOST:4443, or set enabled = false",
    "latency": "add one, for example stamp://HOST:8862, or set enabled = false",
    "ipv6": "add one with a TCP port, for example msak+wss://HOST:4443, or set enabled = false",
    "path": "add one, for example msak+wss://HOST:4443, or set enabled = false",
}


def inspect(config: AgentConfig) -> list[str]:
    """Say what the file allows and the device or a service will not do: no faults, they may change without the file.

    Raises:
        UsageError: a named file that is not there, a wrong option, or a peer that a kind cannot measure to.
    """
    _check_files(config)
    found = []
    for kind, settings in config.schedule.kinds().items():
        urls = [""] if kind in NO_PEER else [settings.peer] if settings.peer else peers_for(kind, config.peer.urls)
        if not urls:
            found.append(f"schedule.{kind}: no peer for it among {', '.join(config.peer.urls)}; {_REMEDIES[kind]}")
        for url in urls:
            _check_run(kind, settings, config, url=url)
        found += cautions(kind, settings, config.peer)
        for url in urls if kind == "throughput" else ():
            found += [f"schedule.{kind}: {said}" for said in _lacking(url)]
    return found


def _check_files(config: AgentConfig) -> None:
    """The service goes on without a certificate and says so; who asks beforehand should hear it before."""
    broker = config.broker
    named = {
        "broker.ca": broker.ca,
        "broker.cert": broker.cert,
        "broker.key": broker.key,
        "broker.password_file": broker.password_file,
        "peer.ca": config.peer.ca,
    }
    for key, name in named.items():
        if name is not None and not os.access(name, os.R_OK):
            raise UsageError(f"{key}: {name} is not there, or may not be read by this user")


def _check_run(kind: str, settings: KindSettings, config: AgentConfig, *, url: str) -> None:
    """Let the probe read its options and budgets as it will when it runs, of the ordinary runs and the first ones."""
    budgets = {(settings.max_bytes, settings.max_seconds)}
    if settings.first_runs:
        budgets.add(
            (settings.first_max_bytes or settings.max_bytes, settings.first_max_seconds or settings.max_seconds)
        )
    options = options_for(kind, settings, config.peer, url=url)
    for max_bytes, max_seconds in budgets:
        task = Task(url, family_of(settings.family), max_bytes, max_seconds, options)
        try:
            _read(kind, task)
            _check_rhythm(kind, task, settings.deadline_s)
        except UsageError as error:
            raise UsageError(f"schedule.{kind}: {error}") from error


def _check_rhythm(kind: str, task: Task, deadline_s: float) -> None:
    """Refuse a run that its own deadline would end, with nothing to show."""
    if kind in {"dns", "web"}:
        _check_budget(_seconds(kind, task), deadline_s)
    if kind != "latency":
        return
    from agent.errors import Failed
    from agent.latency.plan import within
    from agent.probes import latency

    try:
        plan = latency.planned(task.options, parse(task.peer))
        taken_s = within(plan, max_bytes=task.max_bytes, max_seconds=task.max_seconds).seconds
    except Failed as failure:
        raise UsageError(f"max_bytes, max_seconds: {failure.failure.detail}") from failure
    if taken_s > deadline_s:
        raise UsageError(f"a run of {taken_s:g} s does not fit into deadline_s = {deadline_s:g}; send fewer packets")


def _seconds(kind: str, task: Task) -> float:
    from agent.probes import dns, web

    return dns.planned(task).budget_s if kind == "dns" else web.planned(task).seconds


def _check_budget(taken_s: float, deadline_s: float) -> None:
    if taken_s > deadline_s:
        raise UsageError(
            f"a run may take {taken_s:g} s, but deadline_s = {deadline_s:g}; lower max_seconds or raise deadline_s"
        )


def _read(kind: str, task: Task) -> None:
    """Import the probe of a kind, and let it read its task; raises UsageError."""
    match kind:
        case "throughput":
            from agent.probes.throughput import check

            check(task)
        case "latency":
            from agent.probes import latency

            latency.planned(task.options, parse(task.peer))
        case "ipv6":
            from agent.probes import ipv6

            ipv6.planned(task)
        case "dns":
            from agent.probes import dns

            dns.planned(task)
        case "path":
            from agent.probes import path

            path.planned(task)
        case "web":
            from agent.probes import web

            web.planned(task)
        case "radio":
            from agent.probes import radio

            radio.planned(task)
        case _:
            raise UsageError(f"no probe is called {kind!r}")


def _lacking(url: str) -> list[str]:
    """What an engine says of the program or package that it needs; most need none.

    Raises UsageError if no engine serves the peer.
    """
    from importlib.util import find_spec
    from shutil import which

    from agent.speed.engines import engine_for

    engine = parse(url).engine
    engine_for(parse(url))
    if engine == "iperf3" and which("iperf3") is None:
        return ["the program iperf3 is not installed; install it, 3.19.1 or later if you can"]
    if engine == "ookla" and find_spec("speedtest") is None:
        return ["speedtest-cli is not installed; install it with: pip install 'linkgauge[ookla]'"]
    said = getattr(import_module(f"agent.speed.{engine}"), "warning", lambda: None)()
    return [said] if said else []
