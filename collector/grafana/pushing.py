"""All pieces in their order, and what became of each: what one refusal makes impossible is not tried."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from collector.grafana import pieces
from collector.grafana.pieces import Desk, Outcome, State
from collector.grafana.server import GrafanaError, Server
from collector.grafana.shipment import Wishes, dashboards
from dashboards import alerts, contacts
from dashboards.catalogue import DATASOURCE
from dashboards.provisioning import FOLDERS

Kind = Literal["datasource", "folder", "dashboard", "rule", "group", "contact", "policies"]
Fate = State | Literal["failed", "not tried"]
NOT_DONE: Final[frozenset[Fate]] = frozenset({"refused", "failed", "not tried"})


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to push. `needs`: the name of what must be there before."""

    kind: Kind
    name: str
    do: Callable[[Desk], Outcome]
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one thing."""

    kind: Kind
    name: str
    state: Fate
    words: str = ""


def items(wishes: Wishes) -> list[Item]:
    """Everything to push, what others need first; raises UsageError."""
    found: list[Item] = []
    if wishes.influx is not None:
        found.append(Item("datasource", DATASOURCE, partial(pieces.datasource, influx=wishes.influx)))
    for language in wishes.languages:
        uid, title = FOLDERS[language]
        asked = wishes.folder if language == wishes.languages[0] else None
        make = partial(pieces.folder, uid=uid, title=asked or title, is_asked=asked is not None)
        found.append(Item("folder", uid, make))
        for one in dashboards(language):
            do = partial(pieces.dashboard, wanted=one, folder_uid=uid)
            found.append(Item("dashboard", str(one["uid"]), do, uid))
    make = partial(pieces.folder, uid=alerts.FOLDER, title=alerts.FOLDER_TITLE, is_asked=False)
    found.append(Item("folder", alerts.FOLDER, make))
    found += [Item("rule", one.uid, partial(pieces.rule, wanted=one), alerts.FOLDER) for one in alerts.RULES]
    for group in dict.fromkeys(one.group for one in alerts.RULES):
        found.append(Item("group", group, partial(pieces.pace, group=group), alerts.FOLDER))
    return found + _notifying(wishes)


def _notifying(wishes: Wishes) -> list[Item]:
    found = [
        Item("contact", f"{contacts.NAME}-{one.way}", partial(pieces.contact_point, contact=one))
        for one in wishes.contacts
    ]
    if found:
        found.append(Item("policies", contacts.NAME, pieces.policies, found[0].name))
    return found


def push(server: Server, wishes: Wishes, todo: list[Item]) -> Iterator[Done]:
    """Push one after the other and say of each what became of it; raises GrafanaError when this is no Grafana.

    After a refusal that would meet every request, as of the token, nothing more is tried.
    """
    desk = Desk(server, server.version(), wishes)
    lost: set[str] = set()
    why = ""
    for item in todo:
        if why or item.needs in lost:
            lost.add(item.name)
            yield Done(item.kind, item.name, "not tried", "" if why else f"{item.needs} is not there")
            continue
        try:
            outcome = item.do(desk)
        except GrafanaError as error:
            lost.add(item.name)
            why = str(error) if error.hopeless else ""
            yield Done(item.kind, item.name, "failed", str(error))
        else:
            yield Done(item.kind, item.name, outcome.state, outcome.words)
