"""What tests of the agent share: a certificate, a real broker, and a device whose measurement peer is real."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.agent.box import PROGRAM, Box, process
from tests.agent.delivery import Mosquitto, mosquitto
from tests.agent.speed.peers import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key, as PEM files."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def peer_urls() -> Iterator[str]:
    """A peer's two URLs, as TOML."""
    command = [*PROGRAM, "peer", "--listen", "127.0.0.1:0", "--stamp", "127.0.0.1:0", "--pace", "200"]
    with process(command) as run:
        assert run.stdout is not None
        places = dict(run.stdout.readline().split()[1:] for _ in range(2))
        yield f'["msak+ws://{places["plain"]}", "stamp://{places["stamp"]}"]'
        run.terminate()
        assert run.wait(5) == 0


@pytest.fixture
def box(tmp_path: Path, peer_urls: str) -> Box:
    return Box(tmp_path, peer_urls)
