"""Reports to points: the contract's names, one point a report, and what counts as conclusive."""

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import Accepted, AnyReport, decode, decode_reports, encode
from agent.wire.control import Status
from agent.wire.failure import Doubt
from agent.wire.results import RESULTS
from collector.store.line import encode_line
from collector.store.points import (
    DISQUALIFYING,
    EXTRA_TAGS,
    TAGS,
    conclusive_flag,
    incident_point,
    known_columns,
    line_of,
    nanoseconds,
    points_of,
    status_point,
    verdict_point,
)
from collector.store.store import Point
from tests.collector.store.samples import DIRECTION, SITE, THROUGHPUT, report

SAMPLES = Path(__file__).parents[2] / "contract" / "samples" / "v1"
LATENCY = {
    "method": "stamp",
    "sent": 100,
    "received": 98,
    "lost": 2,
    "rtt_ms": {"min": 11.5, "median": 12.0, "p95": 19.25, "max": 80},
    "jitter_ms": 0.8,
    "loss_ratio": 0.02,
}
IPV6 = {
    "status": "dual_stack",
    "addresses": {"global": ["2001:db8::1"], "ula": []},
    "default_route": True,
    "dns": {"aaaa_over_ipv4": True, "aaaa_over_ipv6": False},
    "connect_ms": {"ipv4": 12.5, "ipv6": 13},
    "winner": "ipv6",
    "pmtu_bytes": 1500,
    "mtu_ok": True,
    "score": 9,
    "checks": [{"name": "dns", "ok": True}],
}
RADIO = {
    "operator": "Viettel",
    "technology": "lte",
    "band": "B3",
    "cell": "452-04-1",
    "rsrp_dbm": -97,
    "roaming": False,
}
LEDGER = {"day": "2026-11-22", "kinds": {"throughput": {"planned": 6, "run": 5, "skipped": {"budget": 1}}}}
DNS = {"median_ms": 8.4, "answered": 3, "asked": 4, "lies": False}
WEB = {"ok": 1, "failed": 1, "total_ms": 412.5, "captive_portal": False}
PATH = {"method": "udp", "reached": False, "hops_count": 3, "domain": "provider"}
RESULT = {
    "throughput": THROUGHPUT,
    "latency": LATENCY,
    "ipv6": IPV6,
    "dns": DNS,
    "web": WEB,
    "path": PATH,
    "radio": RADIO,
    "ledger": LEDGER,
}
FAILURE = {"stage": "connect", "reason": "refused", "detail": "192.0.2.7:4443 refused"}


def point_of(kind: str = "throughput", **changes: Any) -> Point:  # noqa: ANN401 - the JSON edge
    (found,) = points_of(report(kind, **changes), SITE)
    return found


def test_throughput_has_the_contracts_names() -> None:
    point = point_of(result=THROUGHPUT)
    assert point.measurement == "throughput"
    assert dict(point.tags) == {
        "site": "ls-huulung-th1",
        "agent": "ls-huulung-th1",
        "province": "lang-son",
        "commune": "huu-lung",
        "site_kind": "school",
        "area": "rural",
        "access": "fibre",
        "provider": "vnpt",
        "family": "ipv4",
        "engine": "msak",
        "peer": "langson-dc",
    }
    assert list(point.tags) == sorted(point.tags)
    assert point.fields["download_mbps"] == 118.4
    assert point.fields["upload_mbps"] == 57.25
    assert point.fields["idle_rtt_ms_min"] == 11.8
    assert point.fields["download_loaded_rtt_ms_p95"] == 61.0
    assert point.fields["download_stop"] == "converged"
    assert point.fields["responsiveness_rpm"] == 812.0
    assert point.fields["id"] == "01936f0e-0000-7000-8000-000000000001"
    assert point.fields["conclusive"] is True
    assert point.time_ns == 1_795_309_323_123_456_000
    assert not {"download_rates_mbps", "engine", "failure", "doubts"} & point.fields.keys()


def test_latency_ipv6_radio_and_ledger_have_the_contracts_names() -> None:
    latency = point_of("latency", result=LATENCY).fields
    assert (latency["rtt_ms_p95"], latency["rtt_ms_max"], latency["sent"]) == (19.25, 80.0, 100.0)
    assert latency["method"] == "stamp"
    ipv6 = point_of("ipv6", result=IPV6).fields
    assert (ipv6["status"], ipv6["winner"], ipv6["mtu_ok"], ipv6["default_route"]) == ("dual_stack", "ipv6", True, True)
    assert (ipv6["connect_ms_ipv6"], ipv6["dns_aaaa_over_ipv6"], ipv6["score"]) == (13.0, False, 9.0)
    assert not {name for name in ipv6 if name.startswith(("addresses", "checks"))}
    radio = point_of("radio", result=RADIO)
    assert (radio.fields["rsrp_dbm"], radio.fields["cell"]) == (-97.0, "452-04-1")
    assert not {"cell", "operator", "band"} & dict(radio.tags).keys()
    ledger = point_of("ledger", result=LEDGER).fields
    assert ledger["kinds_throughput_planned"] == 6.0
    assert ledger["kinds_throughput_skipped_budget"] == 1.0
    assert "day" not in ledger


@pytest.mark.parametrize("kind", list(RESULTS))
def test_one_report_is_one_point_and_every_number_a_float(kind: str) -> None:
    for changes in ({"result": RESULT[kind]}, {"result": None, "failure": FAILURE}):
        found = points_of(report(kind, **changes), SITE)
        assert [point.measurement for point in found] == [kind]
        assert found == points_of(report(kind, **changes), SITE)
        assert {type(value) for value in found[0].fields.values()} <= {float, str, bool}
        assert not dict(found[0].tags).keys() & found[0].fields.keys()
        assert line_of(found[0]) == encode_line(found[0])


@pytest.mark.parametrize("kind", list(RESULTS))
def test_what_a_point_holds_is_declared(kind: str) -> None:
    declared = known_columns()[kind]
    for name, value in point_of(kind, result=RESULT[kind], doubts=["cpu_bound"]).fields.items():
        if not name.startswith("kinds_"):
            assert declared[name] is type(value), name
    assert not declared.keys() & {*TAGS, *EXTRA_TAGS}


def test_a_failure_is_no_number() -> None:
    point = point_of(result=None, failure=FAILURE)
    assert point.fields == {
        "id": "01936f0e-0000-7000-8000-000000000001",
        "duration_s": 4.213,
        "failure": "connect:refused",
        "conclusive": False,
    }
    assert "engine" not in dict(point.tags)


def test_a_failed_direction_makes_no_number_and_the_other_counts() -> None:
    cut = {**DIRECTION, "stop": "error", "failure": {"stage": "transfer", "reason": "reset"}}
    fields = point_of(result={**THROUGHPUT, "upload": cut}).fields
    assert fields["upload_failure"] == "transfer:reset"
    assert fields["upload_stop"] == "error"
    assert {name for name in fields if name.startswith("upload_")} == {
        "upload_failure",
        "upload_stop",
        "upload_conclusive",
    }
    assert (fields["conclusive"], fields["download_conclusive"], fields["upload_conclusive"]) == (True, True, False)

    fields = point_of(result={**THROUGHPUT, "download": cut}).fields
    assert (fields["conclusive"], fields["download_conclusive"], fields["upload_conclusive"]) == (False, False, True)


@pytest.mark.parametrize("direction", [None, {"stop": "time", "bytes": 5}])
def test_a_direction_without_its_number_is_not_conclusive(direction: dict[str, object] | None) -> None:
    result = {key: value for key, value in {**THROUGHPUT, "download": direction}.items() if value is not None}
    assert point_of(result=result).fields["conclusive"] is False


@pytest.mark.parametrize("kind", list(RESULTS))
@pytest.mark.parametrize("doubt", [*Doubt, "a_doubt_of_2030"])
def test_the_doubts_of_the_table_disqualify_and_unknown_ones_too(kind: str, doubt: str) -> None:
    fields = point_of(kind, result=RESULT[kind], doubts=[doubt]).fields
    assert fields["conclusive"] is (doubt not in DISQUALIFYING[kind] and doubt != "a_doubt_of_2030")
    assert fields["doubts"] == doubt


def test_a_clock_that_was_set_afterwards_disqualifies_nothing() -> None:
    assert not any("clock_unset" in doubts for doubts in DISQUALIFYING.values())


def test_every_doubt_of_a_throughput_but_the_clock_disqualifies() -> None:
    assert DISQUALIFYING["throughput"] == set(Doubt) - {Doubt.CLOCK_UNSET}


def test_doubts_are_a_comma_list() -> None:
    assert point_of(result=THROUGHPUT, doubts=["cpu_bound", "thermal"]).fields["doubts"] == "cpu_bound,thermal"


def test_unknown_tags_are_left_out_and_an_address_is_never_one() -> None:
    bare = replace(SITE, access=None, provider=None)
    (point,) = points_of(
        report(result={"engine": "msak"}, family=None, peer={"url": "ndt7+ws://192.0.2.7:80", "address": "192.0.2.7"}),
        bare,
    )
    assert dict(point.tags).keys() == {"agent", "area", "commune", "engine", "province", "site", "site_kind"}
    assert "192.0.2.7" not in str(point)


def test_tags_hold_what_every_engine_can_carry() -> None:
    point = point_of(result=THROUGHPUT, peer={"name": "trạm\nLạng Sơn\\ "})
    assert dict(point.tags)["peer"] == "trạm Lạng Sơn/"


def test_unknown_fields_and_hostile_names_of_a_table_are_ignored() -> None:
    assert point_of(result={**THROUGHPUT, "colour": "blue"}) == point_of(result=THROUGHPUT)
    skipped = {"x y,=": 1, "": 2, "A": 3, "ok": 4} | {f"k{number}": 1 for number in range(500)}
    fields = point_of("ledger", result={"day": "2026-11-22", "kinds": {"ipv6": {"skipped": skipped}, "Ä": {}}}).fields
    names = [name for name in fields if name.startswith("kinds_")]
    assert len(names) <= 70
    assert all(name.replace("_", "").isalnum() and name.isascii() and name.islower() for name in names)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_nanoseconds_are_exact(at: datetime) -> None:
    time = nanoseconds(at)
    assert time % 1000 == 0
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000) == at
    assert nanoseconds(at.astimezone(timezone(timedelta(hours=7)))) == time


def test_status_says_online_and_carries_health() -> None:
    raw = (
        b'{"state":"online","spooled":3,"dropped":0,"next":{"ipv6":"2026-11-22T01:02:03Z"},'
        b'"health":{"load":0.5,"clock_synchronized":true}}'
    )
    status = decode(raw, Status)
    assert isinstance(status, Status)
    at = datetime(2026, 11, 22, 1, tzinfo=UTC)
    point = status_point("ls-huulung-th1", status, SITE, at)
    assert (point.measurement, point.time_ns) == ("status", nanoseconds(at))
    assert point.fields == {
        "online": True,
        "state": "online",
        "spooled": 3.0,
        "dropped": 0.0,
        "health_load": 0.5,
        "health_clock_synchronized": True,
    }
    assert dict(point.tags)["site"] == SITE.id
    gone = status_point("waiting-1", Status(state="offline"), None, at)
    assert gone.tags == (("agent", "waiting-1"),)
    assert gone.fields == {"online": False, "state": "offline"}


def test_a_verdict_stands_at_the_end_of_its_window() -> None:
    verdict = {
        "plan": "lang-son-2025",
        "indicator": "school_download",
        "scope": "site",
        "verdict": "inconclusive",
        "value": 97.5,
        "mean": 98.0,
        "target": 100,
        "n": 4,
        "k": None,
        "window": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T17:00:00Z"},
        "reasons": ["few_samples", "cpu_bound"],
    }
    point = verdict_point(verdict, SITE)
    assert point.time_ns == nanoseconds(datetime(2026, 11, 30, 17, tzinfo=UTC))
    assert point.fields == {
        "verdict": "inconclusive",
        "met": 0.0,
        "below": 0.0,
        "inconclusive": 1.0,
        "value": 97.5,
        "mean": 98.0,
        "target": 100.0,
        "n": 4.0,
        "reasons": "few_samples,cpu_bound",
        "name": SITE.name,
    }
    tags = dict(point.tags)
    assert (tags["plan"], tags["indicator"], tags["scope"]) == ("lang-son-2025", "school_download", "site")
    assert tags["commune"] == "huu-lung"
    assert verdict_point(verdict | {"reasons": []}, SITE).fields["reasons"] == ""
    moment = datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert verdict_point(verdict | {"window": {"to": moment}}, SITE) == point
    placed = verdict_point(verdict, replace(SITE, latitude=21, longitude=106.5)).fields
    assert (placed["latitude"], placed["longitude"]) == (21.0, 106.5)
    assert "latitude" not in verdict_point(verdict, replace(SITE, latitude=21.0)).fields
    assert verdict_point(verdict, None).fields.keys().isdisjoint({"name", "latitude"})


def test_an_incident_is_a_point_per_change() -> None:
    incident = {
        "id": "i-1",
        "site": SITE.id,
        "cause": "slow_download",
        "state": "open",
        "severity": "warning",
        "updated": "2026-11-22T01:02:03Z",
        "summary": {"vi": "chậm", "en": "slow"},
    }
    point = incident_point(incident, SITE)
    assert point.fields == {
        "id": "i-1", "state": "open", "severity": "warning", "active": 1.0, "summary_vi": "chậm", "summary_en": "slow",
    }  # fmt: skip
    assert dict(point.tags)["cause"] == "slow_download"
    assert incident_point(incident | {"state": "resolved"}, SITE).fields["active"] == 0.0
    of_many = {"site": None, "group": {"by": "commune", "name": "Hữu Lũng"}, "about": {"commune": "huu-lung", "x": "y"}}
    parent = incident_point(incident | of_many, None)
    assert parent.tags == (("cause", "slow_download"), ("commune", "huu-lung"))
    assert parent.fields["group"] == "Hữu Lũng"


def test_upload_has_its_own_flag() -> None:
    assert conclusive_flag("throughput", "upload_mbps") == "upload_conclusive"
    assert conclusive_flag("throughput", "download_mbps") == "conclusive"
    assert conclusive_flag("latency", "upload_mbps") == "conclusive"


def test_golden_samples_make_points() -> None:
    """Every accepted golden sample of the contract makes exactly one point that every engine can hold."""
    from agent.wire.codec import Accepted, decode_reports

    folder = Path(__file__).parents[2] / "contract"
    found = [
        one.report
        for path in sorted(folder.rglob("*.json"))
        for one in decode_reports(path.read_bytes())
        if isinstance(one, Accepted)
    ]
    assert found
    for one in found:
        (point,) = points_of(one, SITE)
        assert line_of(point) == encode_line(point)
        assert all(math.isfinite(value) for value in point.fields.values() if isinstance(value, float))


def test_the_evidence_of_a_run_becomes_fields_and_numbers_stay_floats() -> None:
    (sample,) = decode_reports((SAMPLES / "report-throughput-evidence.json").read_bytes())
    assert isinstance(sample, Accepted)
    (point,) = points_of(sample.report, SITE)
    expected = {
        "download_early_mbps": 118.1,
        "download_early_duration_s": 1.85,
        "download_early_bytes": 26_110_000.0,
        "download_rwnd_limited_ratio": 0.02,
        "download_gateway_loaded_rtt_ms_p95": 31.0,
        "upload_sndbuf_limited_ratio": 0.0,
        "gateway_rtt_ms_median": 1.9,
        "peer_load_ratio": 0.25,
        "ceiling_mbps": 612.0,
        "temperature_c": 58.4,
        "pmtu_bytes": 1500.0,
        "tls": "TLSv1.3",
        "download_stop": "time",
        "doubts": "cross_traffic",
    }
    assert {name: point.fields[name] for name in expected} == expected
    assert not any(isinstance(value, int) and not isinstance(value, bool) for value in point.fields.values())
    columns = known_columns()["throughput"]
    assert {name: type(value) for name, value in point.fields.items()} == {name: columns[name] for name in point.fields}
    assert "upload_early_mbps" not in point.fields


@given(st.text(max_size=60), st.floats(0, 1e300), st.integers(0, 2**53), st.booleans())
def test_a_report_s_own_line_says_what_any_point_s_line_says(word: str, number: float, count: int, flag: bool) -> None:  # noqa: FBT001 - drawn
    download = DIRECTION | {"mbps": number, "bytes": count}
    throughput = replaced_report("throughput", result=THROUGHPUT | {"download": download, "cipher": word})
    ipv6 = replaced_report("ipv6", result=IPV6 | {"default_route": flag, "last_router": word, "score": number % 10})
    for one in (throughput, ipv6):
        (point,) = points_of(one, SITE)
        own, other = (
            # One number may be written in several ways.
            re.sub(r"(?<==)-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?=[, ])", lambda found: repr(float(found[0])), line.decode())
            for line in (line_of(point), encode_line(point))
        )
        assert own == other


def replaced_report(kind: str, *, result: dict[str, Any]) -> AnyReport:
    """A report with these bytes, as it comes in; surrogates cannot come in."""
    raw = encode(report(kind, result=RESULT[kind])).decode()
    tree = json.loads(raw) | {"result": json.loads(json.dumps(result).encode("utf-8", "replace"))}
    (decoded,) = decode_reports(json.dumps(tree).encode())
    assert isinstance(decoded, Accepted)
    return decoded.report
