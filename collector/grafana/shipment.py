"""What is pushed: dashboards, rules and the rest as the installed package holds them, and what this push adds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final, Literal

from collector.errors import UsageError
from collector.store.influx import Server as Influx

Json = dict[str, Any]
Language = Literal["vi", "en"]
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
    folder. `contacts`: where alerts go (none: contact point and policies are left alone). `force`: also what people
    changed. `editable`: people may change rules and contact points in Grafana's pages. `dry_run`: only say.
    """

    languages: Sequence[Language] = ("vi",)
    influx: Influx | None = None
    folder: str | None = None
    contacts: Sequence[Contact] = field(default_factory=tuple)
    force: bool = False
    editable: bool = False
    dry_run: bool = False


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
