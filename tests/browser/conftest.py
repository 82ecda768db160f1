"""One Chromium for all browser tests of a process: starting one takes longer than most of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.chromium import SHARED, chromium

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests here share a loop, because a browser belongs to one."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[None]:
    """Share a browser until the last test."""
    loop = asyncio.get_running_loop()
    async with chromium() as shared:
        SHARED[loop] = shared
        try:
            yield
        finally:
            del SHARED[loop]


@pytest.fixture(autouse=True)
def _shared(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("program"):
        request.getfixturevalue("browser")
