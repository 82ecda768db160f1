"""A lab: who reaches whom, what arrives, and that nothing is left of it."""

import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.net import tcp_info
from tests.netlab import namespace, tun
from tests.netlab.topology import Lab, LinkSpec, lab
from tests.netlab.traffic import FAMILIES, echoes, streaming

pytestmark = pytest.mark.root


def until(condition: Callable[[], bool], complaint: str, within_s: float = 8) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)


def ours() -> list[str]:
    return [path.name for path in tun.NAMESPACES.iterdir() if path.name.startswith(f"nl{os.getpid()}-")]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_receiver_counts_segments_right(family: str) -> None:
    """Of packets straight from a TUN device the kernel does not know how many segments they hold."""
    with lab(down=LinkSpec(rate_mbps=500), rtt_ms=10) as net, streaming(net.server, net.client, 2, family) as ends:
        until(lambda: net.link.counters().down.total.tcp_payload_bytes > 30_000_000, "nothing comes")
        infos = [info for end in ends if (info := tcp_info.read(end))]
    segment = 1448 if family == "ipv4" else 1428
    assert len(infos) == 2
    for info in infos:
        assert info.data_segs_in is not None
        assert info.bytes_received is not None
        assert info.data_segs_in * segment == pytest.approx(info.bytes_received, rel=0.005)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_bytes_arrive_as_they_were_sent_and_are_counted(family: str, loss: float) -> None:
    data = random.Random(3).randbytes(8_000_000)  # noqa: S311 - any bytes do
    with lab(down=LinkSpec(rate_mbps=300, loss=loss, queue_ms=500), rtt_ms=5) as net:
        received = transfer(net, family, data)
        counters = net.link.counters()
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    total = counters.down.total
    carried = (counters.down.ipv4 if family == "ipv4" else counters.down.ipv6).tcp_payload_bytes
    assert len(data) <= carried <= len(data) * (1.02 if loss else 1.001)
    assert total.packets_in - total.packets_delivered - total.packets_lost - total.packets_dropped in {0, 1}
    assert (total.packets_lost > 0) == (loss > 0)


def transfer(net: Lab, family: str, data: bytes) -> bytes:
    with contextlib.ExitStack() as stack:
        with net.server.entered():
            listener = stack.enter_context(socket.create_server((net.address(family), 0), family=FAMILIES[family]))
        with net.client.entered():
            receiver = stack.enter_context(socket.create_connection(listener.getsockname()[:2], timeout=10))
        sender = stack.enter_context(listener.accept()[0])
        thread = threading.Thread(target=_send_all, args=(sender, data))
        thread.start()
        with receiver.makefile("rb") as stream:
            received = stream.read()
        thread.join()
        return received


def _send_all(sender: socket.socket, data: bytes) -> None:
    sender.sendall(data)
    sender.shutdown(socket.SHUT_WR)


def test_everybody_reaches_everybody() -> None:
    with lab(rtt_ms=4, extra=("rival", "rival_server")) as net:
        for one, other, wanted in (
            (net.client, net.server, 4),
            (net.rival, net.server, 4),
            (net.client, net.rival_server, 4),
            (net.rival, net.rival_server, 4),
            (net.client, net.rival, 0),
            (net.server, net.far, 0),
        ):
            for family in ("ipv4", "ipv6"):
                (rtt,) = echoes(one, other, count=1, pause_s=0, family=family)
                assert rtt is not None
                assert wanted - 0.5 <= rtt < wanted + 2  # test_accuracy.py holds it to its figure


def test_hosts_have_the_settings_they_were_given() -> None:
    more: dict[str, dict[str, str | int]] = {
        "server": {"net.ipv4.tcp_congestion_control": "cubic"},
        "near": {"net.ipv4.ip_default_ttl": 70},
    }
    with lab(sysctls=more) as net:
        assert net.near.run("sysctl -n net.ipv4.ip_default_ttl").strip() == "70"
        assert net.server.run("sysctl -n net.ipv4.tcp_wmem").split()[-1] == "67108864"


@pytest.mark.parametrize("name", ["bbr", "cubic", "reno"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_both_ends_use_the_congestion_control_that_was_set(name: str, family: str) -> None:
    setting: dict[str, str | int] = {"net.ipv4.tcp_congestion_control": name}
    with (
        lab(sysctls={"client": setting, "server": setting}) as net,
        net.server.entered(),
        socket.create_server((net.address(family), 0), family=FAMILIES[family]) as listener,
        net.client.entered(),
        socket.create_connection(listener.getsockname()[:2], timeout=10) as one,
        listener.accept()[0] as other,
    ):
        assert (tcp_info.congestion(one), tcp_info.congestion(other)) == (name, name)


def test_an_address_that_is_nowhere_is_refused_and_does_not_circle() -> None:
    with lab() as net, net.client.entered(), socket.socket() as end:
        end.settimeout(5)
        with pytest.raises(OSError, match=r"No route to host|unreachable"):
            end.connect(("192.0.2.1", 9))
        assert net.link.counters().up.total.packets_in < 10


def test_a_router_can_filter_and_narrow_the_way() -> None:
    with lab() as net:
        assert echoes(net.client, net.server, count=1, pause_s=0, family="ipv6") != [None]
        net.near.nft(
            "add table inet lab",
            "add chain inet lab forward { type filter hook forward priority 0; }",
            "add rule inet lab forward meta nfproto ipv6 drop",
        )
        assert echoes(net.client, net.server, count=1, pause_s=0, family="ipv6", wait_s=0.2) == [None]
        assert echoes(net.client, net.server, count=1, pause_s=0) != [None]
        net.near.ip("link set wan mtu 1280")
        assert "mtu 1280" in net.near.run("ip link show wan")


def test_a_command_that_fails_says_what_it_said() -> None:
    with lab() as net, pytest.raises(RuntimeError, match="ls: cannot access"):
        net.client.run("ls /nowhere")


def test_nothing_is_left_whatever_happened() -> None:
    with pytest.raises(ZeroDivisionError), lab() as net:  # noqa: PT012 - the block is what is tested
        shell = net.server.popen(["sh", "-c", "sleep 1000 & trap '' TERM; echo begun; wait"], stdout=subprocess.PIPE)
        assert shell.stdout is not None
        assert shell.stdout.readline() == "begun\n"
        child = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text("ascii").split()[0])
        emulator = net.link.pid
        raise ZeroDivisionError
    assert ours() == []
    assert shell.returncode is not None
    assert not any(namespace.running(pid) for pid in (child, emulator))
    with pytest.raises(OSError, match="No such file"):
        net.link.counters()


def test_two_labs_do_not_know_each_other() -> None:
    with lab() as one, lab() as two:
        assert one.client.name != two.client.name
        echoes(one.client, one.server, count=3, pause_s=0)
        assert two.link.counters().down.total.packets_in < 10 <= 10 + one.link.counters().down.total.packets_in
    assert ours() == []


OWNER = """
import os, signal, sys, time
from tests.netlab.topology import lab
with lab() as net:
    print(os.getpid(), net.link.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_owner_that_is_killed_leaves_nothing(number: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=namespace.ROOT,
        env=namespace.environment(),
    ) as owner:
        assert owner.stdout is not None
        pid, emulator = owner.stdout.readline().split()
        owner.send_signal(number)
        owner.wait()
        until(lambda: not namespace.running(int(emulator)), "the emulator stays")
    assert not [path for path in tun.NAMESPACES.iterdir() if path.name.startswith(f"nl{pid}-")]


def test_what_a_dead_lab_left_is_removed_by_the_next() -> None:
    done = subprocess.Popen(["/bin/true"])
    done.wait()
    stale = f"nl{done.pid}-0-client"
    namespace.add(stale)
    try:
        with lab():
            assert not (tun.NAMESPACES / stale).exists()
    finally:
        namespace.remove([stale])


def test_an_emulator_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    # A thing that is not a specification is no mistake of the emulator's making, but it must not hang.
    broken = LinkSpec()
    object.__setattr__(broken, "delay_ms", -1.0)
    with pytest.raises(RuntimeError, match="did not start"), lab(down=broken):
        pytest.fail("it started")
    assert "delay_ms must be 0 or more" in capfd.readouterr().err
    assert ours() == []


def test_a_line_that_goes_down_comes_back() -> None:
    with lab(rtt_ms=2) as net:
        net.near.ip("link set wan down")
        assert echoes(net.client, net.server, count=3, pause_s=0, wait_s=0.2) == [None] * 3
        net.near.ip("link set wan up", "route replace default via 10.77.9.2")
        # Linux forgets the routes of a device that goes down.
        until(lambda: echoes(net.client, net.server, count=1, pause_s=0, wait_s=0.2) != [None], "it stays down")
