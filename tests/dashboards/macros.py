"""What Grafana makes of a query before InfluxDB sees it. Only the rules that our queries use, each with its source.

Sources are Grafana's own: `public/app/features/templating/template_srv.ts` (T) and `formatVariableValue` beside it (F),
`public/app/plugins/datasource/influxdb/datasource.ts` (D), and, for what runs in the server (alert rules always, all
queries since 10), `pkg/tsdb/influxdb/models/query.go` (Q).

- `$name`, `${name}`, `${name:format}`: a variable's value; an unknown name stays as it stands (T).
- "All" (`$__all`): with `allValue` exactly that text, whatever the format; else all options of the variable (T).
- `regex`: each value escaped (`\\ ^ $ * + ? . ( ) | [ ] { } /`), several as `(a|b)`, one alone without brackets (F).
- `raw`: the value as it is (F). Without a format, the data source's own: a single-valued variable as it is (D).
- `$__from`, `$__to`: the range in Unix milliseconds (T, macros).
- `$timeFilter`: `time >= FROMms and time <= TOms` (Q; in the browser alike, there also with `now() - …`, D). In an
  annotation only the first one is replaced (D: `String.replace`).
- `$__interval_ms`, `$__interval`, `$interval`: the panel's step, written as the largest whole unit (Q).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

ALL: Final = "$__all"
_NAME: Final = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}")
_SPECIAL: Final = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_UNITS: Final = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True)
class View:
    """A dashboard as somebody looks at it: the range, and of each variable what is chosen and what could be."""

    start: datetime
    end: datetime
    values: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    all_values: Mapping[str, str] = field(default_factory=dict)

    @property
    def range_ms(self) -> tuple[int, int]:
        """From and to, in Unix milliseconds."""
        return int(self.start.timestamp() * 1000), int(self.end.timestamp() * 1000)


def expand(query: str, view: View, *, step: timedelta = timedelta(hours=1), once: bool = False) -> str:
    """The statement that InfluxDB gets; `once`: as an annotation, where only the first time filter is replaced."""
    start, end = view.range_ms
    span = f"time >= {start}ms and time <= {end}ms"
    query = query.replace("$timeFilter", span, 1 if once else -1)
    query = query.replace("$__interval_ms", str(int(step.total_seconds() * 1000)))
    query = query.replace("$__interval", interval(step)).replace("$interval", interval(step))
    return _NAME.sub(lambda found: _value(found, view), query)


def interval(step: timedelta) -> str:
    """A step in the largest unit that it is a whole number of."""
    seconds = int(step.total_seconds())
    return next(f"{seconds // size}{unit}" for unit, size in _UNITS if seconds % size == 0)


def chosen(variable: Mapping[str, Any]) -> str | list[str]:
    """What a variable of the JSON has at first."""
    value: str | list[str] = variable["current"].get("value", "")
    return value


def _value(found: re.Match[str], view: View) -> str:
    name, form = found[1] or found[2], found[3]
    start, end = view.range_ms
    if name in {"__from", "__to"}:
        return str(start if name == "__from" else end)
    if name not in view.values:
        return found[0]
    value = view.values[name]
    several = [value] if isinstance(value, str) else list(value)
    if several == [ALL]:
        if name in view.all_values:
            return view.all_values[name]
        value = several = list(view.options[name])
    if form == "regex":
        escaped = [_SPECIAL.sub(r"\\\g<0>", one) for one in several]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
    if not isinstance(value, str):
        raise TypeError(f"{found[0]}: several values need a format")
    return value
