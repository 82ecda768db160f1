"""A certificate for localhost, made once for all tests of the agent."""

import shutil
from pathlib import Path

import pytest

from tests.agent.speed.peers import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key, as PEM files."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    return make_certificate(tmp_path_factory.mktemp("tls"))
