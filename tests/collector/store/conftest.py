"""A fresh, empty store on every engine that runs here, and a server that a whole session shares."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from collector.store.open import store_from_url
from collector.store.store import Store
from tests.collector.influxd import Influxd, running_influxd

DATABASES = count(1)


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("influxdb1", marks=pytest.mark.program("influxd"))])
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
