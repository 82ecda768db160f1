"""A fresh, empty store on every engine that runs here, and a server that a whole session shares."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from collector.store.open import store_from_url
from collector.store.store import Store
from tests.collector.influxd import Influxd, running_influxd
from tests.collector.store.door import ORG, TOKEN, door

DATABASES = count(1)
NEEDS_INFLUXD = pytest.mark.program("influxd")


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("influxdb1", marks=NEEDS_INFLUXD)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/series.db"
    server: Influxd = request.getfixturevalue("influxd")
    return server.store_url(f"linkgauge_{next(DATABASES)}")


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    found = store_from_url(store_url)
    await found.open()
    yield found
    await found.close()


@pytest.fixture(
    params=["sqlite", *(pytest.param(name, marks=NEEDS_INFLUXD) for name in ("influxdb1", "influxdb2", "influxdb3"))]
)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, str | None]]:
    """URL and token of an empty store, also of versions 2 and 3: a door of theirs before a real engine."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path}/series.db", None
        return
    server: Influxd = request.getfixturevalue("influxd")
    database = f"linkgauge_{next(DATABASES)}"
    if request.param == "influxdb1":
        yield server.store_url(database), None
        return
    server.query(f'CREATE DATABASE "{database}"')
    async with door(int(request.param[-1]), server.url) as port:
        org = f"?org={ORG}" if request.param == "influxdb2" else ""
        yield f"{request.param}://127.0.0.1:{port}/{database}{org}", TOKEN
