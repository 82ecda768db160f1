"""Both engines that run here, with one InfluxDB for the session."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from collector.registry.registry import Registry
from collector.rollups.recents import Recents
from tests.collector.influxd import Influxd, running_influxd
from tests.collector.rollups.rig import House
from tests.collector.rollups.rig import house as open_house
from tests.collector.tables import with_tables

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
    return server.store_url(f"rollups_{next(DATABASES)}")


@pytest.fixture
async def house(store_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(store_url, tmp_path) as found:
        yield found


@pytest.fixture
def house_database(tmp_path: Path) -> Iterator[Recents]:
    registry = Registry(with_tables(tmp_path))
    registry.open()
    yield Recents(registry.database)
    registry.close()
