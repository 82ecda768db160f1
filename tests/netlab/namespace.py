"""Network namespaces: made, entered, cleared of processes and removed."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.netlab import tun

ROOT: Final = Path(__file__).parents[2]
NAME: Final = re.compile(r"nl(\d+)-\d+-\w+")
# `ip netns exec` lays what is in here over /etc
SETTINGS: Final = Path("/etc/netns")
GRACE_S: Final = 2.0


class Namespace:
    """One host or router of a lab. What is started here is ended with the lab, and so is what that started."""

    def __init__(self, name: str, addresses: Mapping[str, str]) -> None:
        self.name = name
        self._addresses = addresses
        self._started: list[subprocess.Popen[str]] = []

    def address(self, family: str = "ipv4") -> str:
        """Give its own address ("ipv4" or "ipv6"), as others dial it."""
        return self._addresses[family]

    def run(self, arguments: Sequence[str] | str, *, timeout_s: float = 20) -> str:
        """Run a command to its end and give its output; RuntimeError with what it said if it fails."""
        return run(["ip", "netns", "exec", self.name, *_words(arguments)], timeout_s=timeout_s)

    def popen(self, arguments: Sequence[str] | str, **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - Popen's own
        """Start a command (text mode, in the project's folder, unless the options of Popen say otherwise)."""
        options = {"text": True, "cwd": ROOT, "env": environment(), **options}
        command = [tool("ip"), "netns", "exec", self.name, *_words(arguments)]
        process: subprocess.Popen[str] = subprocess.Popen(command, **options)  # noqa: S603 - the test's own
        self._started.append(process)
        return process

    def python(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - Popen's own
        """Start this Python with arguments, such as "-m", "agent"."""
        return self.popen([sys.executable, *arguments], **options)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Let the calling thread be inside: sockets opened meanwhile stay inside. Do not await in the block."""
        with tun.entered(self.name):
            yield

    def congestion(self, name: str) -> None:
        """Set the congestion control of its new connections ("bbr", "cubic"); RuntimeError if Linux has it not."""
        try:
            self.set({"net.ipv4.tcp_congestion_control": name})
        except OSError:
            # Outside the first namespace Linux allows only some as the default, but any by route.
            for line in (
                line for flag in ("-4", "-6") for line in self.run(f"ip {flag} route show default").splitlines()
            ):
                self.ip(f"route change {line.partition(' congctl')[0]} congctl {name}")

    def set(self, settings: Mapping[str, str | int]) -> None:
        """Write sysctls such as "net.ipv4.tcp_rmem"."""
        with self.entered():
            for key, value in settings.items():
                Path("/proc/sys", *key.split(".")).write_text(str(value), "ascii")

    def nft(self, *lines: str) -> None:
        """Add nftables commands, such as "add table inet t", one after another."""
        run(["ip", "netns", "exec", self.name, "nft", "-f", "-"], text="\n".join(lines) + "\n")

    def ip(self, *lines: str) -> None:
        """Run `ip` commands, such as "route add default via 10.77.1.1", in one batch."""
        run(["ip", "-n", self.name, "-batch", "-"], text="\n".join(lines) + "\n")

    def resolver(self, *addresses: str) -> None:
        """Let programs started here from now on ask these name servers (not this process's own sockets)."""
        folder = SETTINGS / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text("".join(f"nameserver {address}\n" for address in addresses), "ascii")

    def close(self) -> None:
        """End what was started here, and close our ends of its pipes."""
        end([process.pid for process in self._started if process.poll() is None])
        for process in self._started:
            process.wait(timeout=GRACE_S)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._started.clear()


def environment() -> dict[str, str]:
    """Give the environment in which programs of a lab find this project."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def tool(name: str) -> str:
    """Give the path of a program; RuntimeError if it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed")
    return found


def run(arguments: Sequence[str], *, text: str | None = None, timeout_s: float = 20) -> str:
    """Run a program to its end and give its output; RuntimeError with what it said if it fails."""
    command = [tool(arguments[0]), *arguments[1:]]
    done = subprocess.run(  # noqa: S603 - the test's own
        command, input=text, capture_output=True, text=True, check=False, timeout=timeout_s, cwd=ROOT, env=environment()
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def add(name: str) -> None:
    """Make a namespace with its loopback up, in which addresses are usable at once."""
    run(["ip", "netns", "add", name])
    with tun.entered(name):
        for which in ("all", "default"):
            for setting in ("accept_dad", "accept_ra", "router_solicitations"):
                Path(f"/proc/sys/net/ipv6/conf/{which}/{setting}").write_text("0", "ascii")
    run(["ip", "-n", name, "link", "set", "lo", "up"])


def remove(names: Sequence[str]) -> None:
    """End every process in these namespaces (but this one) and delete them; those that are gone already are fine."""
    present = [name for name in names if (tun.NAMESPACES / name).exists()]
    end([pid for name in present for pid in _inside(name) if pid != os.getpid()])
    for name in present:
        with contextlib.suppress(RuntimeError):
            run(["ip", "netns", "delete", name])
        shutil.rmtree(SETTINGS / name, ignore_errors=True)


def remove_stale() -> None:
    """Remove the namespaces of labs whose process is dead."""
    listed = [path.name for path in tun.NAMESPACES.iterdir()] if tun.NAMESPACES.is_dir() else []
    owners = [(name, match) for name in listed if (match := NAME.fullmatch(name))]
    remove([name for name, match in owners if not Path("/proc", match[1]).exists()])


def end(pids: Sequence[int]) -> None:
    """Ask these processes to end, and after a grace end them; returns when they are gone or a zombie."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = [pid for pid in pids if running(pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + GRACE_S
        while any(running(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.005)


def running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be noticed does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _inside(name: str) -> list[int]:
    with contextlib.suppress(RuntimeError):
        return [int(pid) for pid in run(["ip", "netns", "pids", name]).split()]
    return []


def _words(arguments: Sequence[str] | str) -> list[str]:
    return arguments.split() if isinstance(arguments, str) else list(arguments)
