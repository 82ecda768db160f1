"""Two network namespaces with a cable between them; everything ends with the block, whatever happened in it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).parents[3]


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found is not None, f"{name} is not installed"
    return found


def run(command: str) -> None:
    """Run one command without a shell; raises with what it said if it fails."""
    name, *rest = command.split()
    done = subprocess.run([_tool(name), *rest], capture_output=True, text=True, check=False)  # noqa: S603 - the test's own
    assert done.returncode == 0, f"{command}: {done.stderr}"


@dataclass(frozen=True)
class Namespace:
    """One of them; `device` is its end of the cable."""

    name: str
    device: str

    def run(self, command: str) -> None:
        run(f"ip netns exec {self.name} {command}")

    def python(self, arguments: Sequence[str], *, resolv_conf: Path | None = None) -> subprocess.Popen[str]:
        """Start this Python in the namespace, with a resolv.conf that only it sees."""
        mount = f"mount --bind {resolv_conf} /etc/resolv.conf && " if resolv_conf else ""
        return subprocess.Popen(  # noqa: S603 - the test's own
            [
                _tool("ip"),
                "netns",
                "exec",
                self.name,
                "sh",
                "-c",
                f'{mount}exec "$@"',
                "sh",
                sys.executable,
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


@contextlib.contextmanager
def cabled(tag: str) -> Iterator[tuple[Namespace, Namespace]]:
    """Give a near and a far namespace, joined, up, and without addresses."""
    mark = f"{tag}{os.getpid() % 100_000}"
    near, far = Namespace(f"lgc-{mark}n", f"n{mark}"), Namespace(f"lgc-{mark}f", f"f{mark}")
    with contextlib.ExitStack() as stack:
        for place in (near, far):
            run(f"ip netns add {place.name}")
            stack.callback(run, f"ip netns del {place.name}")
        run(f"ip link add name {near.device} netns {near.name} type veth peer name {far.device} netns {far.name}")
        for place in (near, far):
            # Addresses are usable at once, and nothing but what a test configures is there.
            place.run(
                f"sysctl -q -w net.ipv6.conf.{place.device}.accept_dad=0 net.ipv6.conf.{place.device}.accept_ra=0"
            )
            place.run("ip link set lo up")
            place.run(f"ip link set {place.device} up")
        yield near, far


def first_line(stream: IO[str] | None) -> str:
    """Wait for a line of a process's output (the test's timeout is the limit)."""
    assert stream is not None
    return stream.readline().strip()


@contextlib.contextmanager
def serving(place: Namespace, module: str) -> Iterator[None]:
    """Run a module of the tests in a namespace until the block ends; it says "ready" when it listens."""
    process = place.python(["-m", module])
    try:
        line = first_line(process.stdout)
        assert line == "ready", f"{line} {process.stderr.read() if process.stderr else ''}"
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)
