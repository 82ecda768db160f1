"""From the agents' reports to the engineer's mail: a line gets slow, worse and well again, and the peer fails.

Three programs of the product (ingest and web; judge) over a real broker and SQLite, behind them a real Alertmanager and
a real SMTP server. The judge is killed around the opening, the receivers are restarted; whatever people are told of
comes exactly once each, a backlog tells nothing, and a failing peer is one incident and not one of each site.
"""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.incidents.history import History
from collector.incidents.incident import Incident
from collector.registry.registry import Registry
from collector.registry.site import Site
from collector.tell.deliveries import Deliveries
from tests.collector.alertmanager import Alertmanager, alertmanager
from tests.collector.rig import pen, report
from tests.collector.tell.rig import Receiver
from tests.collector.tell.sink import Sink
from tests.e2e.processes import BIN, Process, ended, mosquitto
from tests.ports import free_port

pytestmark = [pytest.mark.program("mosquitto", "prometheus-alertmanager"), pytest.mark.timeout(90)]
COLLECTOR = str(BIN / "linkgauge-collector")
SITES = [
    Site(f"th{n}", f"School {n}", "school", "rural", "lang-son", f"commune-{n}", access="fibre", provider=provider,
         plan="lang-son-2025")
    for n, provider in enumerate(("VNPT", "Viettel", "FPT", "VNPT", "CMC"), 1)
]  # fmt: skip
"""They have nothing in common but their province and what they are measured against: 102 Mbit/s, and the peer."""
SLOW, WORSE, FINE = 55.0, 45.0, 150.0
CONFIG = """
roles = [{roles}]
[broker]
url = "mqtt://127.0.0.1:{broker}"
reconnect_first_s = 0.1
reconnect_max_s = 0.5
[store]
url = "sqlite://{folder}/series.db"
batch_s = 0.05
[registry]
url = "sqlite://{folder}/registry.db"
poll_s = 0.2
[archive]
url = "file://{folder}/archive"
[judge]
every_s = 1
lease_s = 2
spacing_s = 20
[web]
listen = "127.0.0.1:{page}"
[tell]
poll_s = 0.05
timeout_s = 2
retry_first_s = 0.05
retry_max_s = 0.3
repost_s = 0.3
hold_s = 60
[[tell.routes]]
name = "am"
to = "alertmanager+{alertmanager}"
[[tell.routes]]
name = "mail"
to = "mailto://127.0.0.1:{smtp}?from=linkgauge@province.example&to=noc@province.example"
language = "en"
"""


@dataclass
class Stage:
    """Everything that takes part."""

    folder: Path
    server: Alertmanager
    behind: Receiver
    sink: Sink
    ingest: Process
    judge: Process
    registry: Registry
    broker: int
    seqs: Counter[str] = field(default_factory=Counter)

    @property
    def history(self) -> History:
        return History(self.registry.database)

    def incidents(self, cause: str) -> list[Incident]:
        return [one for one in self.history.search() if one.cause == cause]

    def told(self, site: str) -> Counter[tuple[str, str]]:
        """What Alertmanager has told its webhook of a site, by state and severity."""
        alerts = [alert for body in self.behind.got for alert in body["alerts"]]
        ours = [alert["labels"] | {"status": alert["status"]} for alert in alerts if "incident" in alert["labels"]]
        return Counter((one["status"], one["severity"]) for one in ours if one.get("site", "") == site)

    def mailed(self) -> list[str]:
        """What the mails are about: the word in brackets of each subject, the same mail once."""
        mails = {str(mail["Message-ID"]): str(mail["Subject"]) for mail in self.sink.mails}
        return [subject.split(": ", 1)[1] for subject in mails.values()]

    async def measured(self, site: str, *speeds: float, newest: datetime) -> None:
        """Speed reports of a site, 20 seconds apart, the last one at `newest`; all of them are stored at the end."""
        times = [newest - timedelta(seconds=20) * place for place in range(len(speeds))][::-1]
        result = [{"engine": "msak", "download": {"mbps": mbps}, "upload": {"mbps": mbps}} for mbps in speeds]
        await self._sent(site, [("throughput", at, {"result": one}) for at, one in zip(times, result, strict=True)])

    async def asked(self, sites: Sequence[str], *times: datetime, lost: bool) -> None:
        """Latency reports of some sites: none of them reached the peer, or all of them did."""
        fine = {"result": {"method": "stamp", "sent": 10, "received": 10, "loss_ratio": 0.0}}
        more = {"result": None, "failure": {"stage": "connect", "reason": "timeout"}} if lost else fine
        for site in sites:
            await self._sent(site, [("latency", at, more) for at in times])

    async def _sent(self, site: str, some: Sequence[tuple[str, datetime, dict[str, Any]]]) -> None:
        """Send as an agent does: again, as long as there is no receipt."""
        agent = f"a-{site}"
        reports = []
        for kind, at, more in some:
            self.seqs[agent] += 1
            said = {"agent": agent, "kind": kind, "started": at.isoformat(), "peer": {"name": "p1"}, **more}
            one = report(self.seqs[agent], **said)
            reports.append({name: value for name, value in one.items() if value is not None})
        seqs = {one["seq"] for one in reports}
        async with pen(self.broker, agent) as own, asyncio.timeout(15):
            while not seqs <= own.stored():
                await own.send(*reports)
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        while not seqs <= own.stored():
                            assert not own.reasons("rejected")
                            await asyncio.sleep(0.01)

    def below(self) -> Incident:
        """The only incident of the slow line."""
        (one,) = self.incidents("below_target")
        return one

    async def saved(self) -> None:
        """Wait until whom Alertmanager has notified survives its death: that is its own promise."""
        now = datetime.now(UTC).timestamp()
        await self.until(lambda: self.server.has_saved(now), what="Alertmanager writes down whom it has notified")

    async def judged(self, site: str, newest: datetime) -> None:
        """Wait until the rules have seen a speed report."""
        await self.until(lambda: self.history.judged().get(site, newest - timedelta(1)) >= newest, what="it is judged")

    async def until(self, condition: Any, *, what: str) -> None:  # noqa: ANN401 - a condition
        """Wait until it holds; whoever died by himself is named."""
        try:
            async with asyncio.timeout(15):
                while not condition():  # noqa: ASYNC110 - what it waits for are files and other programs
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{what}: not so; judge: {self.judge.said()[-3000:]}") from None

    def command(self, *arguments: str, code: int = 0) -> str:
        """Run one of the collector's commands as an operator would."""
        config = str(self.folder / "judge.toml")
        done = subprocess.run(  # noqa: S603 - our own program
            [COLLECTOR, *arguments, "--config", config], capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    behind, sink, port = Receiver(), Sink(), free_port()
    registry = Registry(f"sqlite://{folder}/registry.db")
    registry.open()
    now = datetime.now(UTC) - timedelta(days=90)
    registry.import_sites(SITES, now=now)
    for site in SITES:
        registry.add_agent(f"a-{site.id}", site.id, now=now)
    async with behind.listening():
        with alertmanager(folder / "am", f"{behind.url}/am") as server:
            processes = []
            for name, roles in (("ingest", '"ingest", "web"'), ("judge", '"judge"')):
                page, config = free_port(), folder / f"{name}.toml"
                words = {"folder": folder, "broker": port, "page": page, "smtp": sink.port, "alertmanager": server.url}
                config.write_text(CONFIG.format(roles=roles, **words), "utf-8")
                command = [COLLECTOR, "run", "--config", str(config)]
                processes.append(Process(name, command, folder / f"{name}.log", page if name == "ingest" else None))
            broker = mosquitto(folder, port)
            with ended([broker, *processes]):
                broker.start()
                for process in processes:
                    process.start()
                one = Stage(folder, server, behind, sink, processes[0], processes[1], registry, port)
                await one.until(lambda: "part=broker" in one.ingest.said(), what="reports are taken in")
                yield one
    registry.close()


@pytest.mark.slow
async def test_people_hear_once_that_a_line_gets_slow_worse_and_well_and_that_a_peer_fails(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await a_backlog_tells_nothing(on)
        await slow_worse_and_well_again(on)
        with on.sink.listening():
            await a_peer_fails(on)
        states = [(state, severity) for severity in ("warning", "critical") for state in ("firing", "resolved")]
        assert on.told("th1") == Counter(states)
        assert Counter(on.mailed()) == Counter(
            [f"speed below target ({words})" for words in ("open, warning", "open, critical", "resolved, critical")]
            + [f"connection lost ({state}, critical)" for state in ("open", "resolved")]
        )
        assert all(row.state == "sent" for row in Deliveries(on.registry.database).search(limit=1000))
        said = on.command("incident", "replay")
        assert said == "1 incidents are as the measurements make them; 0 differ\n"
        told = on.command("explain", "th1")
        assert "below_target   the data make what is recorded: 1" in told


async def a_backlog_tells_nothing(on: Stage) -> None:
    """A device was offline yesterday and now sends what it measured then: recorded, and nobody is told."""
    yesterday = datetime.now(UTC) - timedelta(hours=26)
    await on.measured("th1", *[SLOW] * 6, newest=yesterday)
    await on.until(lambda: on.incidents("below_target"), what="the backlog opens an incident")
    await on.judged("th1", yesterday)
    on.judge.kill()
    (quiet,) = on.incidents("below_target")
    assert (quiet.quiet, quiet.told, quiet.state) == (True, None, "open")
    assert on.history.waiting() == 0


async def slow_worse_and_well_again(on: Stage) -> None:
    """The judge is killed when each step has just been recorded; mail and Alertmanager are away at first."""
    await on.measured("th1", SLOW, newest=datetime.now(UTC))
    on.judge.start()
    await on.until(lambda: on.below().told == "open", what="fresh news confirm it")
    on.judge.kill()
    on.judge.start()
    await on.until(lambda: on.told("th1")["firing", "warning"], what="Alertmanager is told")
    with on.sink.listening():
        await on.until(lambda: len(on.mailed()) == 1, what="the opening is mailed")
    await on.saved()
    on.server.kill()
    await on.measured("th1", *[WORSE] * 9, newest=datetime.now(UTC))
    await on.until(lambda: on.below().severity == "critical", what="it is critical")
    on.server.start()
    with on.sink.listening():
        await on.until(lambda: on.told("th1")["firing", "critical"], what="Alertmanager hears that it is worse")
        await on.until(lambda: len(on.mailed()) == 2, what="that it became worse is mailed")
        on.judge.kill()
        await on.measured("th1", *[FINE] * 9, newest=datetime.now(UTC) + timedelta(seconds=180))
        on.judge.start()
        await on.until(lambda: not on.below().active, what="it is resolved")
        on.judge.kill()
        on.judge.start()
        await on.until(lambda: len(on.mailed()) == 3, what="the end is mailed")
        await on.until(lambda: on.told("th1")["resolved", "critical"], what="Alertmanager hears the end")


async def a_peer_fails(on: Stage) -> None:
    """What all of them have in common is told, and none of them."""
    now, sites = datetime.now(UTC), [site.id for site in SITES[1:]]
    minutes = [now - timedelta(minutes=ago) for ago in (12, 8, 4)]
    for at in minutes:
        await on.asked(sites, at, lost=True)
    await on.until(lambda: on.told("")["firing", "critical"], what="the peer's failure is told")
    (parent,) = on.incidents("outage")
    assert parent.group is not None
    assert (parent.group.by, parent.group.name, parent.site) == ("peer", "p1", None)
    await on.until(lambda: on.incidents("outage")[0].children == sites, what="all of them belong to it")
    await on.asked(sites, *(now + timedelta(seconds=after) for after in range(3)), lost=False)
    await on.until(lambda: on.told("")["resolved", "critical"], what="its end is told")
    await on.until(lambda: len(on.mailed()) == 5, what="both are mailed")
    assert len(on.incidents("outage")) == 1
