"""Sockets of this very process, as sock_diag sees them."""

import os
import socket
from pathlib import Path

import pytest

from agent.net import socket_diag


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_connection_is_found_with_its_counters(host: str, family: socket.AddressFamily) -> None:
    with socket.create_server((host, 0), family=family) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection((host, port)) as ours:
            theirs, _ = listening.accept()
            with theirs:
                ours.sendall(b"x" * 5000)
                assert len(theirs.recv(5000, socket.MSG_WAITALL)) == 5000
                (found,) = socket_diag.established(port, family)
                assert found.inode == os.fstat(ours.fileno()).st_ino
                assert found.inode in socket_diag.inodes(os.getpid())
                assert found.info.bytes_sent == 5000
                assert found.congestion
        assert socket_diag.established(port, family) == []


def test_a_process_that_is_gone_has_no_sockets(tmp_path: Path) -> None:
    assert socket_diag.inodes(1, proc=tmp_path) == set()


def test_what_is_cut_off_is_left_out() -> None:
    assert list(socket_diag.messages(b"\1\0")) == []
    assert list(socket_diag.messages(bytes(32))) == []
    assert socket_diag.parse(bytes(72) + b"\0\0\0\0").congestion is None
