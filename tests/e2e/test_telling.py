"""Open, update and resolve, exactly once each, although teller and receivers are killed at the worst moments.

The teller is a process of its own over the registry's database; behind a real Alertmanager stands a webhook that counts
notifications, and mail goes to a real SMTP server. The worst moment of all is between a receiver's answer and our
record of it: there the same delivery comes again, and it must be known again by its Message-ID or Idempotency-Key.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from collector.incidents.history import History
from collector.incidents.incident import moved
from collector.registry.database import Database
from collector.tell.deliveries import Deliveries
from tests.collector.alertmanager import Alertmanager, alertmanager
from tests.collector.tell.rig import Receiver, incident_of, put, until
from tests.collector.tell.sink import Sink
from tests.e2e.processes import Process, ended

pytestmark = [pytest.mark.program("prometheus-alertmanager"), pytest.mark.timeout(60)]
REPO = Path(__file__).parents[2]
CONFIG = """
[registry]
url = "sqlite://{folder}/registry.db"
[tell]
poll_s = 0.02
timeout_s = 2
retry_first_s = 0.05
retry_max_s = 0.3
repost_s = 0.3
hold_s = 30
[[tell.routes]]
name = "am"
to = "alertmanager+{alertmanager}"
[[tell.routes]]
name = "mail"
to = "mailto://127.0.0.1:{smtp}?from=linkgauge@province.example&to=noc@province.example"
language = "en"
[[tell.routes]]
name = "hook"
to = "{hook}/hook"
"""


@dataclass
class Stage:
    """Everything that takes part."""

    folder: Path
    server: Alertmanager
    behind: Receiver
    hook: Receiver
    sink: Sink
    history: History
    deliveries: Deliveries
    teller: Process

    def open(self, site: str) -> str:
        incident = incident_of(site, at=datetime.now(UTC))
        put(self.history, incident)
        return incident.id

    def resolve(self, incident: str) -> None:
        found = self.history.get(incident)
        assert found is not None
        over = moved(found, "resolved", datetime.now(UTC), who="rules")
        put(self.history, over)

    def notified(self) -> Counter[tuple[str, str]]:
        """What Alertmanager has told its webhook, by state and site."""
        alerts = [alert for body in self.behind.got for alert in body["alerts"]]
        return Counter((alert["status"], alert["labels"]["site"]) for alert in alerts if "site" in alert["labels"])

    def shown(self) -> set[str]:
        """How Alertmanager shows the incidents that go on."""
        return {alert["annotations"]["state"] for alert in self.server.alerts() if "site" in alert["labels"]}

    def mailed(self) -> Counter[str]:
        """Subjects of the mails that are not the same mail again."""
        return Counter(
            str(mail["Subject"]) for mail in {str(mail["Message-ID"]): mail for mail in self.sink.mails}.values()
        )

    def hooked(self) -> Counter[tuple[str, str]]:
        """What the webhook got, the same delivery once."""
        bodies = {body["delivery"]: body for body in self.hook.got}
        return Counter((body["site"], body["state"]) for body in bodies.values())

    def all_sent(self, number: int) -> bool:
        rows = self.deliveries.search(limit=1000)
        return len(rows) == number and all(row.state == "sent" for row in rows)

    async def kill_server(self) -> None:
        """SIGKILL for Alertmanager, once it has written down whom it has notified: that is its own promise."""
        now = datetime.now(UTC).timestamp()
        await until(lambda: self.server.has_saved(now))
        self.server.kill()

    def restart(self) -> None:
        self.teller.kill()
        self.teller.start()


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    behind, hook, sink = Receiver(), Receiver(), Sink()
    database = Database(f"sqlite://{folder}/registry.db")
    database.open()
    async with behind.listening(), hook.listening():
        with alertmanager(folder / "am", f"{behind.url}/am") as server:
            config = folder / "collector.toml"
            config.write_text(
                CONFIG.format(folder=folder, alertmanager=server.url, smtp=sink.port, hook=hook.url), "utf-8"
            )
            command = [sys.executable, "-m", "tests.e2e.teller", str(config)]
            environment = {**os.environ, "PYTHONPATH": str(REPO)}
            teller = Process("teller", command, folder / "teller.log", environment=environment)
            with ended([teller]):
                yield Stage(
                    folder, server, behind, hook, sink, History(database, tell=True), Deliveries(database), teller
                )
    database.close()


def subject(state: str) -> str:
    return f"Lạng Sơn, Hữu Lũng, Trường TH Hữu Lũng 1: speed below target ({state}, warning)"


@pytest.mark.slow
async def test_exactly_once_although_everybody_is_killed(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        incident = on.open("s1")
        on.teller.start()  # SMTP is away: the open cannot be mailed
        await until(lambda: on.notified()["firing", "s1"] == 1 and on.hooked()["s1", "open"] == 1)
        on.teller.kill()
        with on.sink.listening():
            on.teller.start()
            await until(lambda: on.all_sent(3))
        # The teller is away while somebody takes it up; Alertmanager dies; both come back.
        on.teller.kill()
        on.history.act(incident, "acknowledge", who="Lan", at=datetime.now(UTC))
        await on.kill_server()
        on.teller.start()
        with on.sink.listening():
            await until(lambda: on.hooked()["s1", "acknowledged"] == 1 and len(on.sink.mails) == 2)
            on.restart()
            on.server.start()
            await until(lambda: on.all_sent(6))
            await until(
                lambda: any(alert["annotations"].get("state") == "acknowledged" for alert in on.server.alerts())
            )
        # It ends while all receivers but the webhook are dead.
        await on.kill_server()
        on.resolve(incident)
        await until(lambda: on.hooked()["s1", "resolved"] == 1)
        on.restart()
        on.server.start()
        with on.sink.listening():
            await until(lambda: on.all_sent(9))
            await until(lambda: on.notified()["resolved", "s1"] == 1)
        states = ("open", "acknowledged", "resolved")
        assert on.notified() == {("firing", "s1"): 1, ("resolved", "s1"): 1}
        assert on.mailed() == {subject(state): 1 for state in states}
        assert on.hooked() == {("s1", state): 1 for state in states}


async def test_killed_between_an_answer_and_its_record_a_delivery_is_known_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        taken = asyncio.Event()

        async def kill_first(request: web.Request) -> web.Response:
            answer = await on.hook.answer(request)
            if not taken.is_set():
                taken.set()
                on.teller.kill()  # the receiver has it, and nobody can write that down
            return answer

        on.hook.take = kill_first
        with on.sink.listening():
            incident = on.open("s1")
            on.teller.start()
            async with asyncio.timeout(20):
                await taken.wait()
            on.teller.start()
            await until(lambda: on.all_sent(3))
            on.sink.taken = lambda _mail: on.teller.kill()  # the same with mail: it is there, and nobody knows
            on.resolve(incident)
            await until(lambda: len(on.sink.mails) == 2 and not on.teller.alive())
            on.sink.taken = lambda _mail: None
            on.teller.start()
            await until(lambda: on.all_sent(6))
            await until(lambda: on.notified()["resolved", "s1"] == 1)
        assert [str(mail["Subject"]) for mail in on.sink.mails] == [subject("open"), *[subject("resolved")] * 2]
        assert on.sink.mails[1]["Message-ID"] == on.sink.mails[2]["Message-ID"]
        assert [body["state"] for body in on.hook.got][:2] == ["open", "open"]
        assert on.hook.got[0] == on.hook.got[1]
        assert on.hook.headers[0]["Idempotency-Key"] == on.hook.headers[1]["Idempotency-Key"]
        assert on.hooked() == {("s1", "open"): 1, ("s1", "resolved"): 1}
        assert on.mailed() == {subject("open"): 1, subject("resolved"): 1}
        assert on.notified() == {("firing", "s1"): 1, ("resolved", "s1"): 1}
