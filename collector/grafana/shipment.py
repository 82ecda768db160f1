"""What is pushed: dashboards, rules and the rest as the installed package holds them, and what this push adds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, Literal

from collector.errors import UsageError
from collector.store.influx import Server as Influx

Json = dict[str, Any]
Language = Literal["vi", "en"]
PAGE: Final = "page"
"""The variable of dashboards that holds the address of linkgauge's own page."""
RAW: Final = "raw"
"""The one that holds the retention policy of single reports, as a query has it before a measurement: `"NAME".`."""
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")


@dataclass(frozen=True, slots=True)
class Contact:
    """One way that alerts go: `way` is a key of `dashboards.contacts.ENVIRONMENT`."""

    way: str
    address: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What this push is asked for.

    `influx`: where the series live (None: the datasource is left as it is). `folder`: another title of the dashboards'
    folder. `page`: address of linkgauge's own page, as readers' browsers reach it. `contacts`: where alerts go (none:
    contact point and policies are left alone). `force`: also what people changed. `editable`: people may change rules
    and contact points in Grafana's pages. `dry_run`: only say.
    """

    languages: Sequence[Language] = ("vi",)
    influx: Influx | None = None
    folder: str | None = None
    page: str | None = None
    contacts: Sequence[Contact] = field(default_factory=tuple)
    force: bool = False
    editable: bool = False
    dry_run: bool = False

    @property
    def raw(self) -> str | None:
        """Where single reports are kept, as a query has it; None: this push does not say."""
        if self.influx is None:
            return None
        return f'"{self.influx.raw}".' if self.influx.raw else ""

    @property
    def values(self) -> dict[str, str]:
        """What this push sets of the variables that are set for each installation; the others stay as they are."""
        found = {PAGE: self.page, RAW: self.raw}
        return {name: value for name, value in found.items() if value is not None}


def dashboards(language: Language) -> list[Json]:
    """The dashboards in one language, by uid; raises UsageError when the package came without them."""
    folder = files("dashboards") / "generated" / language
    found: list[Json] = []
    if folder.is_dir():
        texts = [one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".json")]
        found = sorted((json.loads(text) for text in texts), key=lambda one: str(one["uid"]))
    if not found:
        raise UsageError(f"no dashboards in {language!r} in this installation: install the package anew")
    return found


def values_of(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """What a dashboard has for the variables that are set for each installation."""
    listed = (dashboard.get("templating") or {}).get("list") or ()
    return {one["name"]: str(one.get("query") or "") for one in listed if one.get("name") in (PAGE, RAW)}


def with_values(dashboard: Json, values: Mapping[str, str]) -> Json:
    """A dashboard with other values of such variables."""
    templating = dashboard.get("templating") or {}
    listed = [_with_value(one, values.get(one["name"])) for one in templating.get("list") or ()]
    return {**dashboard, "templating": {**templating, "list": listed}}


def _with_value(variable: Json, value: str | None) -> Json:
    if value is None or value == variable.get("query"):
        return variable
    chosen = {"selected": True, "text": value, "value": value}
    return {**variable, "query": value, "current": chosen, "options": [chosen]}


def page(text: str) -> str:
    """Read the page's address, without the slash at its end; raises UsageError."""
    if not text.startswith(("http://", "https://")) or not text.isprintable() or set(text) & set("?#${} "):
        raise UsageError("--page-url: not the address of a page; it looks like https://linkgauge.example")
    return text.rstrip("/")


def contact(text: str) -> Contact:
    """Read `mailto:a@b,c@d`, `alertmanager+http://H:P`, or the http(s) URL of a webhook; raises UsageError."""
    kind, _, rest = text.partition(":")
    if kind == "mailto" and "@" in rest:
        return Contact("email", rest.replace(",", ";"))
    if kind in ("alertmanager+http", "alertmanager+https") and rest.startswith("//"):
        return Contact("alertmanager", text.removeprefix("alertmanager+"))
    if kind in ("http", "https") and rest.startswith("//"):
        return Contact("webhook", text)
    raise UsageError(
        f"--notify: {kind + ':…' if rest else text!r} is no way to tell; write mailto:A@B, alertmanager+http://H:P, "
        "or a webhook's https://…"
    )
