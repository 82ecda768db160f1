"""The registry: sites and agents with dates, kept in one database that several processes may share."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Table, bindparam, delete, func, insert, select, update

from collector.errors import UsageError
from collector.registry.changes import EVERYWHERE, AgentChange, SiteChange, Waiting, effective, mark_of
from collector.registry.database import Database
from collector.registry.journal import Seal, unsealed
from collector.registry.site import Site, Snapshot, Version
from collector.registry.tables import AGENTS, MARKS, REVISION, SITES, WAITING

_WAITING_LIMIT = 10_000  # agent ids come from outside: a hostile device must not fill the disk with names


class Registry:
    """Sites and agents. Sync and thread-safe; every time is passed in. Dating rules: `collector/registry/changes.py`.

    Every method raises RegistryUnavailable when the database cannot be used now.
    """

    def __init__(self, database: Database | str) -> None:
        """Name the database, or give its address."""
        self.database = Database(database) if isinstance(database, str) else database
        self._read: Snapshot | None = None

    def open(self) -> None:
        """Connect and bring the tables up to date; harmless when open."""
        self.database.open()

    def close(self) -> None:
        """Let go of the database; harmless when closed."""
        self.database.close()

    def revision(self) -> int:
        """A number that rises with every change to sites or agents by any process; cheap."""
        with self.database.read() as connection:
            return _revision(connection)

    def snapshot(self) -> Snapshot:
        """The whole registry as of one revision; all who ask share one of each, as it may be large."""
        with self.database.read() as connection:
            revision = _revision(connection)  # first: where reads can tear, the number is then too old, never too new
            known = self._read
            if known is not None and known.revision == revision:
                return known
            sites = connection.execute(select(SITES).order_by(SITES.c.site, SITES.c.version)).mappings()
            agents = connection.execute(select(AGENTS).order_by(AGENTS.c.agent, AGENTS.c.version)).mappings()
            self._read = read = Snapshot(
                revision=revision,
                sites=_grouped((row["site"], Version(row["since"], _site(row))) for row in sites),
                agents=_grouped((row["agent"], Version(row["since"], row["site"])) for row in agents),
            )
            return read

    def import_sites(
        self,
        sites: Sequence[Site],
        *,
        now: datetime,
        keep: Collection[str] = (),
        dry: bool = False,
        seal: Seal[SiteChange] = unsealed,
    ) -> list[SiteChange]:
        """Add and change sites in one transaction; unchanged ones make no version, absent ones stay as they are.

        `keep` names fields in which a known site keeps its own value. With `dry` nothing is written: the answer is
        what would change. `seal` ends the transaction.
        """
        changes: list[SiteChange] = []
        with self.database.read() if dry else self.database.write() as connection:
            newest = _newest(connection, SITES, SITES.c.site)
            marks = _marks(connection)
            for given in sites:
                row = newest.get(given.id)
                before = _site(row) if row else None
                site = replace(given, **{name: getattr(before, name) for name in keep}) if before else given
                if before == site:
                    continue
                since = effective(now, mark=mark_of(site.id, marks), newest=row["since"]) if row else None
                changes.append(SiteChange(before, site, since))
                if not dry:
                    number = row["version"] + 1 if row else 1
                    _append(connection, SITES, _columns(site) | {"version": number, "since": since, "entered": now})
            if not dry:
                if changes:
                    _raise_revision(connection)
                seal(connection, changes)
        return changes

    def add_agent(self, agent: str, site: str, *, now: datetime, seal: Seal[AgentChange] = unsealed) -> AgentChange:
        """Register an agent at a site, or move it there; raises UsageError for a site that does not exist."""
        return self.add_agents({agent: site}, now=now, seal=seal)[0]

    def add_agents(
        self, places: Mapping[str, str], *, now: datetime, seal: Seal[AgentChange] = unsealed
    ) -> list[AgentChange]:
        """Register agents at sites, or move them there, all or none; raises UsageError for a site that is unknown."""
        with self.database.write() as connection:
            known = _newest(connection, SITES, SITES.c.site)
            for site in places.values():
                if site not in known:
                    raise UsageError(
                        f"there is no site {site!r}: import or add it first (linkgauge-collector site --help)"
                    )
            newest = _newest(connection, AGENTS, AGENTS.c.agent)
            gone = delete(WAITING).where(WAITING.c.agent == bindparam("registered"))
            connection.execute(gone, [{"registered": agent} for agent in places])
            changes = [_assign(connection, agent, site, newest.get(agent), now) for agent, site in places.items()]
            seal(connection, [change for change in changes if change.before != change.after])
            return changes

    def revoke(self, agent: str, *, now: datetime, seal: Seal[AgentChange] = unsealed) -> AgentChange:
        """Take an agent away from its site: what it measures from then on stays out."""
        with self.database.write() as connection:
            row = _newest(connection, AGENTS, AGENTS.c.agent).get(agent)
            if row is None:
                raise UsageError(f"there is no agent {agent!r}: see linkgauge-collector agent list")
            change = _assign(connection, agent, None, row, now)
            seal(connection, [change] if change.before != change.after else [])
            return change

    def fix_tags(self, until: Mapping[str, datetime], *, revision: int) -> bool:
        """Promise, durably, that tags of reports started before `until[site]` will never change (EVERYWHERE: all).

        False, and nothing promised, when the registry is no longer at the revision that the tags were computed
        from: load a new snapshot and compute them again. Marks only rise.
        """
        with self.database.write() as connection:
            if _revision(connection) != revision:
                return False
            marks = _marks(connection, until)
            new = [{"site": site, "until": moment} for site, moment in until.items() if site not in marks]
            rising = [{"of": site, "to": until[site]} for site, mark in marks.items() if mark < until[site]]
            if new:
                connection.execute(insert(MARKS), new)
            if rising:
                rise = update(MARKS).where(MARKS.c.site == bindparam("of")).values(until=bindparam("to"))
                connection.execute(rise, rising)
        return True

    def fixed_until(self, site: str = EVERYWHERE) -> datetime | None:
        """A site's mark: tags of its reports started before it will never change."""
        with self.database.read() as connection:
            return mark_of(site, _marks(connection, (site, EVERYWHERE)))

    def see_waiting(self, agent: str, *, at: datetime) -> None:
        """Note that an agent nobody registered sends reports; past 10,000 such names new ones are not noted."""
        with self.database.write() as connection:
            if connection.execute(update(WAITING).where(WAITING.c.agent == agent).values(last=at)).rowcount:
                return
            registered = connection.scalar(select(func.count()).select_from(AGENTS).where(AGENTS.c.agent == agent))
            waiting = connection.scalar(select(func.count()).select_from(WAITING)) or 0
            if not registered and waiting < _WAITING_LIMIT:
                connection.execute(insert(WAITING).values(agent=agent, first=at, last=at))

    def waiting(self) -> list[Waiting]:
        """Agents that send reports and that nobody registered, longest waiting first."""
        with self.database.read() as connection:
            rows = connection.execute(select(WAITING).order_by(WAITING.c.first, WAITING.c.agent))
            return [Waiting(row.agent, row.first, row.last) for row in rows]


def _assign(
    connection: Connection, agent: str, site: str | None, row: Mapping[str, Any] | None, now: datetime
) -> AgentChange:
    """Write an agent's next version, after `row`, its newest."""
    if row is None:
        since = None
    elif row["site"] == site:
        return AgentChange(agent, site, site, row["since"])
    else:
        since = effective(now, mark=mark_of(row["site"], _marks(connection)), newest=row["since"])
    number = row["version"] + 1 if row else 1
    values = {"agent": agent, "site": site, "version": number, "since": since, "entered": now}
    _append(connection, AGENTS, values)
    _raise_revision(connection)
    return AgentChange(agent, row["site"] if row else None, site, since)


def _append(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    connection.execute(insert(table).values(**values))


def _revision(connection: Connection) -> int:
    return connection.scalar(select(REVISION.c.revision)) or 0


def _raise_revision(connection: Connection) -> None:
    connection.execute(update(REVISION).values(revision=REVISION.c.revision + 1))


def _marks(connection: Connection, sites: Collection[str] | None = None) -> dict[str, datetime]:
    query = select(MARKS) if sites is None else select(MARKS).where(MARKS.c.site.in_(sites))
    return {row.site: row.until for row in connection.execute(query)}


def _newest(connection: Connection, table: Table, key: Column[Any]) -> dict[str, Mapping[str, Any]]:
    """Each key's newest version."""
    rows = connection.execute(select(table).order_by(key, table.c.version)).mappings()
    return {row[key.name]: dict(row) for row in rows}


def _grouped(pairs: Iterable[tuple[str, Version[Any]]]) -> dict[str, tuple[Version[Any], ...]]:
    groups: dict[str, list[Version[Any]]] = {}
    for key, version in pairs:
        groups.setdefault(key, []).append(version)
    return {key: tuple(versions) for key, versions in groups.items()}


def _site(row: Mapping[str, Any] | RowMapping) -> Site:
    return Site(id=row["site"], **{name: row[name] for name in _FIELDS if name != "id"})


def _columns(site: Site) -> dict[str, Any]:
    return {"site": site.id} | {name: getattr(site, name) for name in _FIELDS if name != "id"}


_FIELDS = tuple(Site.__dataclass_fields__)
