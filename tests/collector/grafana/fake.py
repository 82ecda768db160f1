"""A Grafana that keeps what it is given and answers as the real HTTP API does, of 9.4 or of 12: a real socket.

Status codes, bodies and refusals are those of the documentation and of the handlers of these versions.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Middleware

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN: Final = "glsa_not_a_secret_1"  # noqa: S105 - no secret
_ROOT: Final[Json] = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}


@dataclass
class FakeGrafana:
    """`fail`: "METHOD /path" → status to answer instead; `changes`: what was changed, in order."""

    version: str = "12.0.0"
    url: str = ""
    datasources: dict[str, Json] = field(default_factory=dict)
    secrets: dict[str, Json] = field(default_factory=dict)
    folders: dict[str, Json] = field(default_factory=dict)
    dashboards: dict[str, Json] = field(default_factory=dict)
    versions: dict[str, list[Json]] = field(default_factory=dict)
    rules: dict[str, Json] = field(default_factory=dict)
    intervals: dict[tuple[str, str], int] = field(default_factory=dict)
    contacts: dict[str, Json] = field(default_factory=dict)
    tree: Json = field(default_factory=lambda: dict(_ROOT))
    fail: dict[str, int] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    late_s: float = 0.0

    @property
    def is_old(self) -> bool:
        return self.version.startswith("9.")

    def saved_by_hand(self, uid: str, message: str = "", **changes: Any) -> None:  # noqa: ANN401 - JSON
        """What the page of Grafana does when a person saves a dashboard."""
        self._save(uid, {**self.dashboards[uid]["dashboard"], **changes}, self.dashboards[uid]["meta"], message)

    def _save(self, uid: str, dashboard: Json, meta: Json, message: str) -> int:
        number = len(self.versions.get(uid, [])) + 1
        body = {**dashboard, "uid": uid, "id": 7, "version": number}
        self.dashboards[uid] = {"dashboard": body, "meta": {**meta, "version": number}}
        self.versions.setdefault(uid, []).insert(0, {"version": number, "message": message, "createdBy": "somebody"})
        return number

    # What follows answers requests: (method, path) → status and body.

    def get_datasource(self, uid: str) -> tuple[int, Any]:
        found = self.datasources.get(uid)
        if found is None:
            return 404, {"message": "Data source not found"}
        return 200, {**found, "secureJsonFields": dict.fromkeys(self.secrets.get(uid, {}), True)}

    def put_datasource(self, body: Json, uid: str | None) -> tuple[int, Any]:
        if uid is None and any(one["name"] == body["name"] for one in self.datasources.values()):
            return 409, {"message": "data source with the same name already exists"}
        name = uid or body["uid"]
        self.secrets.setdefault(name, {}).update(body.pop("secureJsonData", {}))
        self.datasources[name] = {"id": 1, "readOnly": False, "version": 1, **body}
        return 200, {"id": 1, "message": "Datasource added", "name": body["name"]}

    def post_folder(self, body: Json) -> tuple[int, Any]:
        if self.is_old and any(one["title"] == body["title"] for one in self.folders.values()):
            return 409, {"message": "a folder or dashboard in the general folder with the same name already exists"}
        self.folders[body["uid"]] = {"id": len(self.folders) + 1, "version": 1, **body}
        return 200, self.folders[body["uid"]]

    def put_folder(self, body: Json, uid: str) -> tuple[int, Any]:
        self.folders[uid]["title"] = body["title"]
        return 200, self.folders[uid]

    def post_dashboard(self, body: Json) -> tuple[int, Any]:
        dashboard, uid = body["dashboard"], body["dashboard"]["uid"]
        if body.get("folderUid") and body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        there = self.dashboards.get(uid)
        if there is not None and not body.get("overwrite"):
            if there["meta"].get("provisioned"):
                return 400, {"message": "Cannot save provisioned dashboard"}
            if dashboard.get("version") != there["meta"]["version"]:
                words = "The dashboard has been changed by someone else"
                return 412, {"message": words, "status": "version-mismatch"}
        meta = {"folderUid": body.get("folderUid", ""), "provisioned": False}
        number = self._save(uid, dashboard, meta, body.get("message", ""))
        return 200, {"id": 7, "uid": uid, "status": "success", "version": number}

    def get_versions(self, uid: str) -> tuple[int, Any]:
        listed = self.versions.get(uid, [])
        return 200, listed if self.is_old else {"continueToken": "", "versions": listed}

    def put_rule(self, body: Json, uid: str | None, provenance: str) -> tuple[int, Any]:
        if body.get("folderUID") not in self.folders:
            return 400, {"message": "folder does not exist"}
        if uid is not None and self.rules[uid].get("provenance", "") not in ("", provenance):
            return 409, {"message": f"cannot change provenance from {self.rules[uid]['provenance']!r}"}
        data = [{**one, "model": {"intervalMs": 1000, "maxDataPoints": 43200, **one["model"]}} for one in body["data"]]
        stored = {"id": 3, "updated": "2026-11-22T00:00:00Z", **body, "data": data, "provenance": provenance}
        self.rules[body["uid"]] = {name: value for name, value in stored.items() if name != "provenance" or value}
        self.intervals.setdefault((body["folderUID"], body["ruleGroup"]), 60)
        return 201 if uid is None else 200, self.rules[body["uid"]]

    def get_group(self, folder: str, group: str) -> tuple[int, Any]:
        rules = [one for one in self.rules.values() if (one["folderUID"], one["ruleGroup"]) == (folder, group)]
        interval = self.intervals.get((folder, group), 0)
        if not rules:
            return 404, {"message": "rule group not found"}
        return 200, {"title": group, "folderUid": folder, "interval": interval, "rules": rules}

    def put_group(self, body: Json, folder: str, group: str) -> tuple[int, Any]:
        gone = [uid for uid, one in self.rules.items() if (one["folderUID"], one["ruleGroup"]) == (folder, group)]
        for uid in gone:  # the real one drops every rule of the group that is not sent along
            del self.rules[uid]
        self.rules |= {one["uid"]: one for one in body["rules"]}
        self.intervals[folder, group] = body["interval"]
        return 200, body

    def put_contact(self, body: Json, uid: str | None, provenance: str) -> tuple[int, Any]:
        if not all(body["settings"].values()):
            return 400, {"message": "invalid object specification: settings are empty"}
        name = uid or body["uid"]
        self.contacts[name] = {**body, "provenance": provenance}
        return 202, self.contacts[name] if uid is None else {"message": "contactpoint updated"}

    def put_policies(self, body: Json, provenance: str) -> tuple[int, Any]:
        names = {one["name"] for one in self.contacts.values()} | {_ROOT["receiver"]}
        if any(one["receiver"] not in names for one in body.get("routes", ())):
            return 400, {"message": "invalid object specification: receiver does not exist"}
        if not self.is_old and self.tree.get("provenance", "") and not provenance:
            return 403, {"message": "cannot change provenance"}
        self.tree = {**body, **({"provenance": "api"} if provenance or self.is_old else {})}
        return 202, {"message": "policies updated"}


def _routes(grafana: FakeGrafana) -> list[web.RouteDef]:
    def answered(
        work: Callable[..., tuple[int, Any]], *names: str, body: bool = False, origin: bool = False
    ) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            arguments: list[Any] = [await request.json()] if body else []
            arguments += [request.match_info.get(name) for name in names]
            if origin:
                arguments.append("" if request.headers.get("X-Disable-Provenance") else "api")
            status, said = work(*arguments)
            return web.Response(status=status) if said is None else web.json_response(said, status=status)

        return handler

    def of(table: Mapping[str, Json], words: str | None) -> Callable[[str], tuple[int, Any]]:
        return lambda uid: (200, table[uid]) if uid in table else (404, {"message": words} if words else None)

    api, alerting = "/api", "/api/v1/provisioning"
    folder_uid = answered(of(grafana.folders, "folder not found"), "uid")
    group = f"{alerting}/folder/{{folder}}/rule-groups/{{group}}"
    return [
        web.get(f"{api}/health", answered(lambda: (200, {"database": "ok", "version": grafana.version}))),
        web.get(f"{api}/datasources/uid/{{uid}}", answered(grafana.get_datasource, "uid")),
        web.post(f"{api}/datasources", answered(grafana.put_datasource, "uid", body=True)),
        web.put(f"{api}/datasources/uid/{{uid}}", answered(grafana.put_datasource, "uid", body=True)),
        web.get(f"{api}/folders/{{uid}}", folder_uid),
        web.post(f"{api}/folders", answered(grafana.post_folder, body=True)),
        web.put(f"{api}/folders/{{uid}}", answered(grafana.put_folder, "uid", body=True)),
        web.get(f"{api}/dashboards/uid/{{uid}}", answered(of(grafana.dashboards, "Dashboard not found"), "uid")),
        web.get(f"{api}/dashboards/uid/{{uid}}/versions", answered(grafana.get_versions, "uid")),
        web.post(f"{api}/dashboards/db", answered(grafana.post_dashboard, body=True)),
        web.get(f"{alerting}/alert-rules/{{uid}}", answered(of(grafana.rules, None), "uid")),
        web.post(f"{alerting}/alert-rules", answered(grafana.put_rule, "uid", body=True, origin=True)),
        web.put(f"{alerting}/alert-rules/{{uid}}", answered(grafana.put_rule, "uid", body=True, origin=True)),
        web.get(group, answered(grafana.get_group, "folder", "group")),
        web.put(group, answered(grafana.put_group, "folder", "group", body=True)),
        web.get(f"{alerting}/contact-points", answered(lambda: (200, list(grafana.contacts.values())))),
        web.post(f"{alerting}/contact-points", answered(grafana.put_contact, "uid", body=True, origin=True)),
        web.put(f"{alerting}/contact-points/{{uid}}", answered(grafana.put_contact, "uid", body=True, origin=True)),
        web.get(f"{alerting}/policies", answered(lambda: (200, grafana.tree))),
        web.put(f"{alerting}/policies", answered(grafana.put_policies, body=True, origin=True)),
    ]


def _guard(grafana: FakeGrafana) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(grafana.late_s)
        is_open = request.path.endswith("/api/health")
        if not is_open and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            words = "invalid API key" if grafana.is_old else "Invalid API key"
            return web.json_response({"message": words}, status=401)
        status = grafana.fail.get(f"{request.method} {request.path}") or grafana.fail.get(request.method)
        if status is not None:
            return web.json_response({"message": "not today"}, status=status)
        if request.method != "GET":
            grafana.changes.append(f"{request.method} {request.path}")
        return await handler(request)

    return guard


@asynccontextmanager
async def serving(
    grafana: FakeGrafana, prefix: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[FakeGrafana]:
    """The fake on a free port, below a path if a prefix is given; with `tls` as `localhost`."""
    inner = web.Application(middlewares=[_guard(grafana)])
    inner.add_routes(_routes(grafana))
    app = inner
    if prefix:
        app = web.Application()
        app.add_subapp(prefix, inner)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    grafana.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{port}{prefix}"
    try:
        yield grafana
    finally:
        await runner.cleanup()
