"""Is what Grafana has what we want, and did a person change it since we put it there. Pure.

Grafana fills in defaults and adds ids, so what is there may hold more than what is wanted; never less, nor otherwise.
Whether a person changed a thing is told by marks that we leave: of a dashboard, the message of each of our versions
(a version without it was saved by somebody else, whatever he changed); of an alert rule, an annotation with the hash
of what it says.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

MARK: Final = "linkgauge push "
"""What the message of each dashboard version of ours begins with; the dashboard's hash follows."""
ANNOTATION: Final = "linkgauge_hash"
REDACTED: Final = "[REDACTED]"
_VOLATILE: Final = frozenset({"id", "version", "iteration"})
_RULE: Final = ("title", "condition", "noDataState", "execErrState", "for", "labels")
_QUERY: Final = ("refId", "datasourceUid", "relativeTimeRange")
_ASKING: Final = frozenset({"object_matchers", "matchers", "match"})
_MATCHER: Final = re.compile(r'\s*([^\s=!~]+)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*')
_MODEL: Final = ("query", "resultFormat", "type", "expression", "reducer")


def hash_of(data: Any) -> str:  # noqa: ANN401 - JSON of any shape
    """Twelve hexadecimal digits that tell JSON apart."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def covers(there: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON of any shape
    """Whether all that is wanted is there; secrets that are not shown count as equal."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(covers(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        same = isinstance(there, Sequence) and not isinstance(there, str) and len(there) == len(wanted)
        return same and all(covers(*pair) for pair in zip(there, wanted, strict=True))
    if isinstance(wanted, bool):
        return bool(there) is wanted
    if isinstance(wanted, str):
        return there in (wanted, REDACTED) or (there is None and not wanted)
    return bool(there == wanted)


def dashboard_body(dashboard: Mapping[str, Any]) -> Json:
    """A dashboard without what Grafana numbers by itself."""
    return {name: value for name, value in dashboard.items() if name not in _VOLATILE}


def message_of(dashboard: Mapping[str, Any]) -> str:
    """The message under which this dashboard is saved."""
    return f"{MARK}{hash_of(dashboard_body(dashboard))}"


def newest_message(versions: Any) -> str | None:  # noqa: ANN401 - a list until Grafana 10, an object since 11
    """The message of the newest version that Grafana lists; None when it lists none."""
    listed = versions.get("versions") if isinstance(versions, Mapping) else versions
    found = [one for one in listed or () if isinstance(one, Mapping)]
    newest = max(found, key=lambda one: int(one.get("version") or 0), default=None)
    return None if newest is None else str(newest.get("message") or "")


def marked(rule: Mapping[str, Any]) -> Json:
    """A rule with the hash of what it says among its annotations."""
    return {**rule, "annotations": {**rule["annotations"], ANNOTATION: hash_of(_told(rule))}}


def changed_by_hand(rule: Mapping[str, Any]) -> bool:
    """Whether a rule that is there says something else than when we put it there; one without our mark does."""
    return bool((rule.get("annotations") or {}).get(ANNOTATION) != hash_of(_told(rule)))


def same_rule(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a rule says what it should; where it lies and whether somebody paused it are other matters."""
    return _told(there) == _told(wanted)


def branch_of(tree: Mapping[str, Any], route: Mapping[str, Any]) -> Json | None:
    """The branch of a tree of policies that takes exactly what `route` takes; one that asks for more is another's."""
    return next((one for one in tree.get("routes") or () if _matchers(one) == _matchers(route)), None)


def with_route(tree: Mapping[str, Any], route: Mapping[str, Any]) -> Json:
    """The tree with `route` in its branch, keeping what people added there; else as the first. The rest is as it is."""
    ours = branch_of(tree, route)
    others = tree.get("routes") or ()
    if ours is None:
        return {**tree, "routes": [dict(route), *others]}
    kept = {name: value for name, value in ours.items() if name not in _ASKING}
    return {**tree, "routes": [{**kept, **route} if one is ours else one for one in others]}


def says(branch: Mapping[str, Any], route: Mapping[str, Any]) -> bool:
    """Whether a branch sends what it takes to where `route` does, and as often."""
    return covers(branch, {name: value for name, value in route.items() if name not in _ASKING})


def _matchers(route: Mapping[str, Any]) -> list[list[str]]:
    """What a branch asks of labels, in whichever of the three forms it says so."""
    said = [list(map(str, one)) for one in route.get("object_matchers") or ()]
    said += [list(found.groups()) for one in route.get("matchers") or () if (found := _MATCHER.fullmatch(str(one)))]
    return sorted([*said, *([str(name), "=", str(value)] for name, value in (route.get("match") or {}).items())])


def _told(rule: Mapping[str, Any]) -> Json:
    annotations = {name: text for name, text in (rule.get("annotations") or {}).items() if name != ANNOTATION}
    queries = [_query(one) for one in rule.get("data") or ()]
    return {**_some(rule, _RULE), "annotations": annotations, "data": queries}


def _query(query: Mapping[str, Any]) -> Json:
    return {**_some(query, _QUERY), "model": _some(query.get("model") or {}, _MODEL)}


def _some(data: Mapping[str, Any], names: Iterable[str]) -> Json:
    return {name: data[name] for name in names if name in data}
