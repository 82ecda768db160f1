"""What a list of reports says of the kinds beside throughput, in a few words each. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from collector.store.store import FieldValue, Row

Fields = Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class Fact:
    """A message of the catalogue and its values. Numbers are written as the reader's language does.

    `trouble`: it says that something is wrong.
    """

    message: str
    values: Mapping[str, float | str]
    trouble: bool = False


def facts(kind: str, row: Row) -> tuple[Fact, ...]:
    """The facts of one row of a kind's series; none for a kind that has columns of its own, or for a failure."""
    found = _OF_KIND[kind](row.fields) if kind in _OF_KIND else []
    domain = _word(row.fields, "domain")
    if domain is not None:
        found.append(Fact(f"domain-{domain}", {}, trouble=True))
    return tuple(found)


def _latency(fields: Fields) -> list[Fact]:
    found = []
    method = _word(fields, "method")
    if method is not None and method != "stamp":
        found.append(Fact("method: {method}", {"method": method}))
    mos = _number(fields, "mos")
    if mos is not None:
        found.append(Fact("call quality {mos} of 5", {"mos": mos}))
    return found


def _ipv6(fields: Fields) -> list[Fact]:
    score = _number(fields, "score")
    return [] if score is None else [Fact("score {score} of 10", {"score": score}, trouble=score == 0)]


def _dns(fields: Fields) -> list[Fact]:
    found = []
    median = _number(fields, "median_ms")
    if median is not None:
        found.append(Fact("names in {ms} ms", {"ms": median}))
    if _number(fields, "resolved") == 0:
        found.append(Fact("no name was found", {}, trouble=True))
    if fields.get("lies") is True:
        found.append(Fact("names are not answered as the world knows them", {}, trouble=True))
    if fields.get("rewrites_nxdomain") is True:
        found.append(Fact("answers for names that do not exist", {}, trouble=True))
    return found


def _web(fields: Fields) -> list[Fact]:
    ok, failed = _number(fields, "ok"), _number(fields, "failed")
    found = []
    if ok is not None and failed is not None:
        values = {"ok": f"{ok:.0f}", "all": f"{ok + failed:.0f}"}
        found.append(Fact("{ok} of {all} pages came", values, trouble=failed > 0))
    if fields.get("captive_portal") is True:
        found.append(Fact("a captive portal stands in between", {}, trouble=True))
    return found


def _path(fields: Fields) -> list[Fact]:
    ends = _number(fields, "ends_at")
    if fields.get("reached") is True or ends is None:
        return []
    return [Fact("the way ends at router {n}", {"n": f"{ends:.0f}"}, trouble=True)]


def _radio(fields: Fields) -> list[Fact]:
    found = []
    words = [word for name in ("operator", "technology") if (word := _word(fields, name)) is not None]
    if words:
        found.append(Fact("{network}", {"network": " ".join(words).replace("_", " ")}))
    for name, message in (("rsrp_dbm", "RSRP {dbm} dBm"), ("nr_rsrp_dbm", "5G SS-RSRP {dbm} dBm")):
        level = _number(fields, name)
        if level is not None:
            found.append(Fact(message, {"dbm": level}))
    return found


_OF_KIND: Final[dict[str, Callable[[Fields], list[Fact]]]] = {
    "latency": _latency,
    "ipv6": _ipv6,
    "dns": _dns,
    "web": _web,
    "path": _path,
    "radio": _radio,
}


def _number(fields: Fields, name: str) -> float | None:
    value = fields.get(name)
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def _word(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
