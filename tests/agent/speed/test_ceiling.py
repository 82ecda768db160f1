"""The device's own ceiling: what follows from costs, what is kept, and one real self-test with every way it can end."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from agent.speed import ceiling
from agent.speed.ceiling import PLAIN, Ceilings, Cost, Rate, algorithm, keep, key, load, rate_mbps, rates

STORED = Ceilings(key(), [Rate(PLAIN, "download", 900.0, 800.0, 8.9), Rate("AES_256_GCM", "upload", 90.0, 80.0, 89)])


@pytest.mark.parametrize(
    ("cipher", "named"),
    [
        (None, "plain"),
        ("TLS_AES_256_GCM_SHA384", "AES_256_GCM"),
        ("TLS_AES_128_GCM_SHA256", "AES_128_GCM"),
        ("TLS_CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "AES_128_GCM"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", "CHACHA20_POLY1305"),
        ("ECDHE-RSA-AES128-SHA256", "ECDHE_RSA_AES128_SHA256"),
    ],
)
def test_ciphers_are_told_apart_by_what_costs(cipher: str | None, named: str) -> None:
    assert algorithm(cipher) == named


def test_one_core_does_everything_and_two_share() -> None:
    assert rate_mbps(4e-9, 4e-9, 1) == pytest.approx(1000)
    assert rate_mbps(4e-9, 4e-9, 2) == pytest.approx(2000)
    assert rate_mbps(4e-9, 16e-9, 4) == pytest.approx(500)


def test_the_kernels_part_is_the_peers_of_a_plain_run() -> None:
    costs = {
        (PLAIN, "download"): Cost(2e-9, 3e-9, 1500),
        ("AES_256_GCM", "download"): Cost(7e-9, 30e-9, 200),
        ("AES_256_GCM", "upload"): Cost(8e-9, 30e-9, 200),
    }
    found = {(rate.cipher, rate.way): rate.mbps for rate in rates(costs, 1)}  # type: ignore[arg-type]  # literals
    assert found == {
        (PLAIN, "download"): pytest.approx(1600),
        ("AES_256_GCM", "download"): pytest.approx(800),
        ("AES_256_GCM", "upload"): pytest.approx(1000),
    }


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    keep(tmp_path, STORED)
    found = load(tmp_path)
    assert found == STORED
    assert found.ceiling_for(None, "download") == 900
    assert found.ceiling_for("TLS_AES_256_GCM_SHA384", "upload") == 90
    assert found.ceiling_for("TLS_AES_128_GCM_SHA256", "upload") is None, "not measured is not known"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"key":"another machine","rates":[]}', None])
def test_what_is_not_of_this_device_as_it_is_now_is_measured_again(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / ceiling.NAME).write_bytes(content)
    assert load(tmp_path) is None


async def test_what_is_stored_is_not_measured_again(tmp_path: Path) -> None:
    keep(tmp_path, STORED)
    async with asyncio.timeout(0.5):
        assert await ceiling.ensure(tmp_path) == STORED


@pytest.mark.alone
@pytest.mark.program("openssl")
async def test_this_device_plain_and_over_tls() -> None:
    found = await ceiling.measure_ceiling(seconds=0.6, ciphers=(PLAIN, "AES_128_GCM"))
    assert found.missing is None
    assert found.key == key()
    for cipher in (None, "TLS_AES_128_GCM_SHA256"):
        for way in ("download", "upload"):
            mbps = found.ceiling_for(cipher, way)
            assert mbps is not None
            assert mbps > 10
    assert msgspec.json.decode(msgspec.json.encode(found), type=Ceilings) == found
    assert not children()


async def test_without_openssl_plain_is_measured_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await ceiling.measure_ceiling(seconds=0.6, ciphers=(PLAIN, "AES_128_GCM"))
    assert found.missing == "TLS not measured: the program openssl is not installed"
    assert {rate.cipher for rate in found.rates} == {PLAIN}


@pytest.mark.parametrize("body", ["exit 1", "exit 0"])
async def test_an_openssl_that_fails_leaves_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "openssl"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await ceiling.measure_ceiling(seconds=0.6, ciphers=(PLAIN, "AES_128_GCM"))
    assert found.missing is not None
    assert {rate.cipher for rate in found.rates} == {PLAIN}
    assert not children()


async def test_a_peer_that_cannot_start_is_a_reason_and_no_fault(tmp_path: Path) -> None:
    found = await ceiling.ensure(tmp_path, measure=lambda: ceiling.measure_ceiling(python="/bin/false"))
    assert found.rates == []
    assert found.missing is not None
    assert "did not start" in found.missing
    assert not (tmp_path / ceiling.NAME).exists(), "it is tried again at the next start"


async def test_a_stop_in_the_middle_ends_the_peer_too() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ceiling.measure_ceiling(ciphers=(PLAIN,)), name="self-test")
        while not children():  # noqa: ASYNC110 - nothing tells when a process is there
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert not children()


_before: set[int] = set()


@pytest.fixture(autouse=True)
def others() -> None:
    """What other tests of this process have running, such as a broker for the whole session, is not ours."""
    _before.clear()
    _before.update(children())


def children() -> list[int]:
    """Processes that this one has started since the test began and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid() and fields[0] != "Z" and int(entry.name) not in _before:
                found.append(int(entry.name))
    return found
