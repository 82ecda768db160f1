"""Stores by URL: each engine, and one plain line for everything else."""

from pathlib import Path

import pytest

from collector.errors import UsageError
from collector.store.influx import InfluxStore, basic
from collector.store.influx2 import Influx2Store
from collector.store.open import place_from_url, store_from_url
from collector.store.sqlite import SqliteStore

SECRET = "s3cret"  # noqa: S105 - what must never be shown


def test_sqlite_takes_an_absolute_path() -> None:
    store = store_from_url("sqlite:///var/lib/linkgauge/se%20ries.db")
    assert isinstance(store, SqliteStore)
    assert store.path == Path("/var/lib/linkgauge/se ries.db")
    other = store_from_url("sqlite:////var/x.db")
    assert isinstance(other, SqliteStore)
    assert other.path == Path("/var/x.db")


@pytest.mark.parametrize(
    ("url", "token", "server"),
    [
        ("influxdb1://db/x", None, "Server(base='http://db:8086', database='x', version=1, timeout_s=10.0,"),
        (f"influxdb1://u:{SECRET}@db:1/x", None, "Server(base='http://db:1', database='x', version=1, timeout_s=10.0,"),
        ("influxdb1+https://db/x", f"u:{SECRET}", "Server(base='https://db:8086', database='x', version=1,"),
        ("influxdb1://[::1]:99/x", None, "Server(base='http://[::1]:99',"),
        ("influxdb3://db/x", SECRET, "Server(base='http://db:8181', database='x', version=3,"),
        ("influxdb3+https://db:443/x%20y", SECRET, "Server(base='https://db:443', database='x y', version=3,"),
    ],
)
def test_influxdb_by_version(url: str, token: str | None, server: str) -> None:
    store = store_from_url(url, token=token)
    assert isinstance(store, InfluxStore)
    assert repr(store._server).startswith(server)  # noqa: SLF001 - the only place that shows what was understood
    assert SECRET not in repr(store._server) + store._server.words  # noqa: SLF001 - the same


@pytest.mark.parametrize(
    ("url", "token"),
    [
        (f"influxdb1://u:{SECRET}@db/x", None),
        (f"influxdb1://u:{SECRET}@db/x", "another"),
        ("influxdb1://u@db/x", SECRET),
        ("influxdb1://u@db/x", f"u:{SECRET}"),
        ("influxdb1://db/x", f"u:{SECRET}"),
    ],
)
def test_a_user_signs_in_with_the_password_of_the_address_or_the_secret(url: str, token: str | None) -> None:
    server = place_from_url(url, token=token).server
    assert server is not None
    assert server.credentials == basic("u", SECRET)


def test_influxdb2_has_an_organization_and_a_token() -> None:
    assert isinstance(store_from_url("influxdb2://db:8086/bucket?org=so%20tttt", token=SECRET), Influx2Store)


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        ("", None, "unknown scheme"),
        ("series.db", None, "unknown scheme"),
        ("mysql://db/x", None, "unknown scheme 'mysql'"),
        ("sqlite://series.db", None, "absolute path"),
        ("sqlite:series.db", None, "absolute path"),
        ("sqlite:///", None, "absolute path"),
        ("sqlite+https:///x.db", None, "unknown scheme"),
        ("sqlite:///x.db?mode=ro", None, "absolute path"),
        ("influxdb1://db", None, "database name"),
        ("influxdb1:///x", None, "needs a host"),
        ("influxdb1://db/x/y", None, "one database name"),
        ("influxdb1://db:port/x", None, "not a URL"),
        ("influxdb1://db:99999/x", None, "not a URL"),
        ("influxdb1://[::1/x", None, "not a URL"),
        ("influxdb1+ftp://db/x", None, "unknown scheme"),
        ("influxdb1://db/x?org=y", None, "unknown option 'org'"),
        ("influxdb1://u@db/x", None, "needs a password"),
        ("influxdb2://db/x", SECRET, "organization"),
        ("influxdb2://db/x?org=", SECRET, "organization"),
        ("influxdb2://db/x?org=y&tls=1", SECRET, "unknown option 'tls'"),
        ("influxdb2://db/x?org=y", None, "needs one"),
        (f"influxdb3://u:{SECRET}@db/x", None, "wants a token"),
        ("influxdb3://db/x", f"{SECRET}\nX-Evil: 1", "characters that no token has"),
    ],
)
def test_a_bad_url_is_one_plain_line(url: str, token: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        store_from_url(url, token=token)
    assert len(str(caught.value).splitlines()) == 1
    assert SECRET not in str(caught.value)
