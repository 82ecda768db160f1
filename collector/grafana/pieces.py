"""Each kind of thing that is pushed: how it is read, compared, made and changed. Nothing is ever deleted.

A piece says what became of it; GrafanaError when Grafana refuses. With `dry_run` it reads and compares all the same.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from collector.grafana import comparing
from collector.grafana.server import Ask, Server, Version
from collector.grafana.shipment import Contact, Wishes, values_of, with_values
from collector.store.influx import Server as Influx
from dashboards import alerts, contacts
from dashboards.catalogue import DATASOURCE
from dashboards.provisioning import datasource as datasource_json

Json = dict[str, Any]
State = Literal["created", "updated", "unchanged", "left", "refused"]
_HEADER: Final = "Authorization"
_FROM_FILES: Final = "comes from Grafana's provisioning files; change those"
_PEOPLES: Final = ("name", "isDefault", "basicAuth", "basicAuthUser", "withCredentials")
"""What of a datasource its people may have set, and we do not."""
_BY_HAND: Final = "somebody changed it in Grafana; save that elsewhere, then --force to overwrite it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one thing; `words` says why, where that is not plain."""

    state: State
    words: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every piece works with."""

    server: Server
    version: Version
    wishes: Wishes

    def put(self, change: Ask, state: Literal["created", "updated"]) -> Outcome:
        """Change something, unless only asked what would be changed."""
        if not self.wishes.dry_run:
            self.server.change(change)
        return Outcome(state)


def datasource(desk: Desk, influx: Influx) -> Outcome:
    """The datasource; keys of others in its `jsonData` stay, and secrets are sent where there are none, or by force."""
    wanted = datasource_json(influx.base, influx.database, "", _HEADER if influx.credentials else "")
    secrets = {"httpHeaderValue1": influx.credentials} if influx.credentials else {}
    there = desk.server.read(lambda api: api.datasource.get_datasource_by_uid(DATASOURCE))
    if there is None:
        whole = {**wanted, "secureJsonData": secrets}
        return desk.put(lambda api: api.datasource.create_datasource(whole), "created")
    if there.get("readOnly"):
        return Outcome("left", _FROM_FILES)
    has_secrets = all((there.get("secureJsonFields") or {}).get(name) for name in secrets)
    same = {name: value for name, value in wanted.items() if name in ("type", "access", "url", "jsonData")}
    if comparing.covers(there, same) and has_secrets and not desk.wishes.force:
        return Outcome("unchanged")
    kept = {name: there[name] for name in _PEOPLES if name in there}
    json_data = {**(there.get("jsonData") or {}), **wanted["jsonData"]}
    whole = {**wanted, **kept, "jsonData": json_data, "secureJsonData": secrets}
    return desk.put(lambda api: api.datasource.update_datasource_by_uid(DATASOURCE, whole), "updated")


def folder(desk: Desk, uid: str, title: str, *, is_asked: bool) -> Outcome:
    """A folder; one that people gave another title keeps it, unless this push asks for a title."""
    there = desk.server.read(lambda api: api.folder.get_folder(uid))
    if there is None:
        return desk.put(lambda api: api.folder.create_folder(title, uid=uid), "created")
    if there.get("title") == title:
        return Outcome("unchanged")
    if not is_asked:
        return Outcome("unchanged", f"called {there.get('title')!r} here")
    return desk.put(lambda api: api.folder.update_folder(uid, title=title, overwrite=True), "updated")


def dashboard(desk: Desk, wanted: Json, folder_uid: str) -> Outcome:
    """A dashboard; one that was moved stays where it is, one that was changed by hand stays as it is."""
    uid = wanted["uid"]
    there = desk.server.read(lambda api: api.dashboard.get_dashboard(uid))
    kept = values_of(there["dashboard"]) if there else {}
    body = comparing.dashboard_body(with_values(wanted, kept | desk.wishes.values))
    message = comparing.message_of(body)
    if there is None:
        whole = {"dashboard": {**body, "id": None}, "folderUid": folder_uid, "message": message, "overwrite": False}
        return desk.put(lambda api: api.dashboard.update_dashboard(whole), "created")
    meta, now = there.get("meta") or {}, there["dashboard"]
    if meta.get("provisioned"):
        return Outcome("left", _FROM_FILES)
    newest = _newest_message(desk, uid)
    if newest == message or comparing.covers(comparing.dashboard_body(now), body):
        return Outcome("unchanged")
    if not (newest or "").startswith(comparing.MARK) and not desk.wishes.force:
        return Outcome("refused", _BY_HAND)
    # The version that was read goes along: who saves in between is not overwritten, Grafana answers 412.
    known = {"id": now.get("id"), "version": now.get("version")}
    whole = {
        "dashboard": {**body, **known},
        "folderUid": meta.get("folderUid", folder_uid),
        "message": message,
        "overwrite": False,
    }
    return desk.put(lambda api: api.dashboard.update_dashboard(whole), "updated")


def rule(desk: Desk, wanted: alerts.Rule) -> Outcome:
    """An alert rule; a pause and another folder or group, which are people's to decide, stay."""
    uid = wanted.uid
    there = desk.server.read(lambda api: api.alertingprovisioning.get_alertrule(uid))
    raw = desk.wishes.raw if desk.wishes.raw is not None else alerts.raw_of(there or {})
    made = alerts.rule_json(wanted, raw=raw)
    whole = comparing.marked({**made, "orgID": 1, "folderUID": alerts.FOLDER, "ruleGroup": wanted.group})
    if not there:
        free = desk.wishes.editable
        return desk.put(
            lambda api: api.alertingprovisioning.create_alertrule(whole, disable_provenance=free), "created"
        )
    if there.get("provenance") == "file":
        return Outcome("left", _FROM_FILES)
    if comparing.same_rule(there, whole):
        return Outcome("unchanged")
    if comparing.changed_by_hand(there) and not desk.wishes.force:
        return Outcome("refused", _BY_HAND)
    kept = {name: there[name] for name in ("isPaused", "folderUID", "ruleGroup", "orgID") if name in there}
    free = not there.get("provenance")
    update = {**whole, **kept}
    return desk.put(
        lambda api: api.alertingprovisioning.update_alertrule(uid, update, disable_provenance=free), "updated"
    )


def pace(desk: Desk, group: str) -> Outcome:
    """How often a group of rules is looked at; its rules are given back as they are, others' too."""
    there = desk.server.read(lambda api: api.alertingprovisioning.get_rule_group(alerts.FOLDER, group))
    if there is None or not there.get("rules"):
        return Outcome("updated") if desk.wishes.dry_run else Outcome("left", "its rules are not in it")
    if there.get("interval") == alerts.INTERVAL_S:
        return Outcome("unchanged")
    if any(one.get("provenance") == "file" for one in there["rules"]):
        return Outcome("left", _FROM_FILES)
    free = not any(one.get("provenance") for one in there["rules"])
    whole = {**there, "interval": alerts.INTERVAL_S}
    return desk.put(
        lambda api: api.alertingprovisioning.update_rule_group(alerts.FOLDER, group, whole, disable_provenance=free),
        "updated",
    )


def contact_point(desk: Desk, contact: Contact) -> Outcome:
    """One receiver of the contact point; settings that people added to it stay."""
    wanted = {**contacts.receiver(contact.way, contact.address), "name": contacts.NAME}
    uid = wanted["uid"]
    listed = desk.server.read(lambda api: api.alertingprovisioning.get_contactpoints()) or []
    there = next((one for one in listed if one.get("uid") == uid), None)
    if there is None:
        free = desk.wishes.editable
        return desk.put(
            lambda api: api.alertingprovisioning.create_contactpoint(wanted, disable_provenance=free), "created"
        )
    if there.get("provenance") == "file":
        return Outcome("left", _FROM_FILES)
    if comparing.covers(there, wanted) and not desk.wishes.force:
        return Outcome("unchanged")
    free = not there.get("provenance")
    whole = {**there, **wanted, "settings": {**(there.get("settings") or {}), **wanted["settings"]}}
    body = {name: value for name, value in whole.items() if name != "provenance"}
    return desk.put(
        lambda api: api.alertingprovisioning.update_contactpoint(uid, body, disable_provenance=free), "updated"
    )


def policies(desk: Desk) -> Outcome:
    """Our branch of the tree of policies; everything else in it stays, and stays its people's to change."""
    tree = desk.server.read(lambda api: api.alertingprovisioning.get_notification_policy_tree()) or {}
    if tree.get("provenance") == "file":
        return Outcome("left", _FROM_FILES)
    route = contacts.route()
    ours = comparing.branch_of(tree, route)
    if ours is not None and comparing.says(ours, route):
        return Outcome("unchanged")
    if ours is not None and not desk.wishes.force:
        return Outcome("left", "the route product = linkgauge says otherwise here; --force to set it")
    if desk.version.locks_policies and not tree.get("provenance") and not desk.wishes.force:
        words = (
            "Grafana 9.4 would lock the whole tree for people; add the route product = linkgauge by hand, or --force"
        )
        return Outcome("refused", words)
    free = not tree.get("provenance")
    body = {name: value for name, value in comparing.with_route(tree, route).items() if name != "provenance"}
    return desk.put(
        lambda api: api.alertingprovisioning.set_notification_policy_tree(body, disable_provenance=free), "updated"
    )


def _newest_message(desk: Desk, uid: str) -> str | None:
    versions = desk.server.read(lambda api: api.client.GET(f"/dashboards/uid/{uid}/versions", params={"limit": 10}))
    return comparing.newest_message(versions)
