"""Which incidents a route is told of, and how much of an address may be shown."""

from typing import Any

import msgspec
import pytest

from collector.incidents.incident import Group
from collector.tell.route import Route, Wanted, kind_and_url, places_of, plains
from tests.collector.tell.rig import incident_of, news_of


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        ({}, True),
        ({"severity": "critical"}, False),
        ({"severity": "notice"}, True),
        ({"causes": ["outage"]}, False),
        ({"causes": ["outage", "below_target"]}, True),
        ({"provinces": ["lạng sơn "]}, True),
        ({"provinces": ["La\u0323ng So\u031bn"]}, True),  # the same letters, written in parts
        ({"provinces": ["lang-son"]}, True),
        ({"provinces": ["Bắc Giang"]}, False),
        ({"communes": ["Hữu Lũng"], "kinds": ["clinic"]}, False),
        ({"communes": ["Hữu Lũng"], "kinds": ["school"], "providers": ["vnpt"], "plans": ["lang-son-2025"]}, True),
    ],
)
def test_what_is_not_named_is_not_filtered(wanted: dict[str, Any], takes: bool) -> None:  # noqa: FBT001 - a table
    values: dict[str, Any] = {
        name: value
        if isinstance(value, str)
        else places_of(value)
        if name in {"provinces", "communes"}
        else plains(value)
        for name, value in wanted.items()
    }
    assert Wanted(**values).takes(news_of()) == takes
    filed = msgspec.structs.replace(news_of().place, province="lang-son", commune="huu-lung")
    assert Wanted(**values).covers(filed) == Wanted(**values).covers(news_of().place)


def test_of_a_group_what_is_not_known_keeps_nothing_back() -> None:
    parent = msgspec.structs.replace(incident_of(), site=None, group=Group("peer", "dc1"), about={"province": "X"})
    assert Wanted(kinds=frozenset({"school"})).takes(news_of(parent))
    assert not Wanted(provinces=places_of(["Lạng Sơn"])).takes(news_of(parent))


@pytest.mark.parametrize(
    ("to", "kind", "shown"),
    [
        ("alertmanager+http://am.example:9093", "alertmanager", "http://am.example:9093"),
        ("https://u:p@hooks.example/T0/secret?t=x", "webhook", "https://hooks.example"),
        ("webhook+http://hooks.example/x", "webhook", "http://hooks.example"),
        ("mailtos://u:p@gmail.com?to=a@x.example", "mail", "mailtos://gmail.com"),
        ("mailto://u:p@[::1]:2525?to=a@x.example", "mail", "mailto://[::1]:2525"),
        ("tgram://123456:TOKEN/chat", "apprise", "tgram://..."),
    ],
)
def test_only_scheme_host_and_port_are_shown(to: str, kind: str, shown: str) -> None:
    found, url = kind_and_url(to, "x")
    route = Route("r", found, url, secret="hidden")  # noqa: S106 - a test's
    assert (found, route.address) == (kind, shown)
    assert "hidden" not in repr(route)
    assert "TOKEN" not in repr(route)
