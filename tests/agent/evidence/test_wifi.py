"""What `iw` and the kernel say of a Wi-Fi; outputs in the form that iw 5 and 6 print them."""

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from agent.evidence import wifi
from agent.evidence.places import Places
from agent.speed.doubts import Facts, doubts
from agent.wire.report import Link, Wifi
from tests.agent.evidence.board import places, write

AC = """\
Connected to 02:00:00:00:01:00 (on wlan0)
\tSSID: truong-hoc: 5 GHz
\tfreq: 5180
\tRX: 93815301 bytes (64801 packets)
\tTX: 5120302 bytes (30201 packets)
\tsignal: -52 dBm
\trx bitrate: 433.3 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 1
\ttx bitrate: 390.0 MBit/s VHT-MCS 8 80MHz short GI VHT-NSS 1

\tbss flags:\tshort-slot-time
\tdtim period:\t1
\tbeacon int:\t100
"""
AX = """\
Connected to 02:00:00:00:01:00 (on wlp2s0)
\tSSID: x
\tfreq: 5955.0
\tsignal: -61 [-63, -66] dBm
\trx bitrate: 1.2 GBit/s 80MHz HE-MCS 11 HE-NSS 2 HE-GI 0 HE-DCM 0
\ttx bitrate: (unknown)
"""
WEAK = "Connected to 02:00:00:00:01:00 (on wlan0)\n\tfreq: 2412\n\tsignal: -83 dBm\n\ttx bitrate: 6.5 MBit/s MCS 0\n"
LYING = "Connected to 02:00:00:00:01:00 (on wlan0)\n\tSSID: \\nsignal: -20 dBm rx bitrate: 9.9 GBit/s\n\tfreq: 2412\n"
WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   48.  -62.  -256        0      0      0      0      0        0
 wlan1: 0000   48.  200.  161         0      0      0      0      0        0
 wlan2: 0000   48.  48.   0           0      0      0      0      0        0
 wlan3: broken
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (AC, Wifi(signal_dbm=-52.0, band="5 GHz", rx_mbps=433.3, tx_mbps=390.0)),
        (AX, Wifi(signal_dbm=-61.0, band="6 GHz", rx_mbps=1200.0)),
        (WEAK, Wifi(signal_dbm=-83.0, band="2.4 GHz", tx_mbps=6.5)),
        (LYING, Wifi(band="2.4 GHz")),
        ("Not connected.\n", None),
        ("", None),
        ("command failed: No such device (-19)\n", None),
    ],
)
def test_what_iw_prints(said: str, expected: Wifi | None) -> None:
    assert wifi.parse_link(said) == expected


def test_bands() -> None:
    assert [wifi.band(at) for at in (2412, 2484, 5180, 5885, 5955, 7115, 60480, 900)] == [
        *["2.4 GHz"] * 2,
        *["5 GHz"] * 2,
        *["6 GHz"] * 2,
        "60 GHz",
        None,
    ]


def test_the_kernels_own_table() -> None:
    found = [wifi.signal_dbm(WIRELESS, f"wlan{number}") for number in range(5)]
    assert found == [-62.0, -56.0, None, None, None]


def iw(folder: Path, script: str) -> Places:
    program = folder / "bin" / "iw"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    machine = places(folder, programs=str(program.parent))
    write(machine.proc, net__wireless=WIRELESS)
    return machine


async def test_the_program_is_asked_and_a_weak_signal_is_doubted(tmp_path: Path) -> None:
    (tmp_path / "said").write_text(WEAK)
    machine = iw(tmp_path, f'[ "$*" = "dev wlan0 link" ] && exec cat {tmp_path}/said 2>/dev/null || exit 1')
    machine = Places(machine.proc, machine.sysfs, f"{machine.programs}:/usr/bin:/bin")
    found = await wifi.look("wlan0", machine)
    assert found == Wifi(signal_dbm=-83.0, band="2.4 GHz", tx_mbps=6.5)
    assert doubts(Facts((), link=Link(medium="wifi", wifi=found))) == ("wifi_bound",)


@pytest.mark.parametrize(
    "script", ["exit 1", "kill -9 $$", "/bin/cat /dev/zero", "/bin/sleep 60 & wait", "trap '' TERM; /bin/sleep 60"]
)
async def test_a_program_that_fails_floods_or_hangs_leaves_the_signal(tmp_path: Path, script: str) -> None:
    begun = time.monotonic()
    assert await wifi.look("wlan0", iw(tmp_path, script)) == Wifi(signal_dbm=-62.0)
    assert time.monotonic() - begun < wifi.ASK_S + 3


async def test_without_the_program(tmp_path: Path) -> None:
    machine = places(tmp_path)
    assert await wifi.look("wlan0", machine) is None
    write(machine.proc, net__wireless=WIRELESS)
    assert await wifi.look("wlan0", machine) == Wifi(signal_dbm=-62.0)
    assert await wifi.look("wlan9", machine) is None


async def test_a_look_that_is_cancelled_ends_the_program(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    os.mkfifo(mark)
    machine = iw(tmp_path, f"echo $$ > {mark}; exec /bin/sleep 60")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(wifi.look("wlan0", machine), name="look")
        pid = int(await asyncio.to_thread(mark.read_text))
        task.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
