"""Which device, and which life of its disk, a spool belongs to: how copies and restored backups are told apart.

What can be detected, and by what:

* **A clone** (a copied SD card, a golden image with a spool on it): the same files on other hardware. Told by facts
  that do not lie on the disk: the board's serial number and the permanent addresses of its network cards. The
  machine id helps where an installer renewed it. Facts of one category that are known on both sides and have nothing
  in common mean another machine; an unreadable fact or a placeholder ("Default string") proves nothing.
* **A database put back from a copy**, alone: `Mark`, a line beside the database that is rewritten after each commit,
  knows a higher `seq` or an epoch that the database has never heard of.
* **A whole disk put back** (image, VM snapshot): both are old, and nothing on this box can know it. The broker and
  the collector do: the retained status of this very agent, or a receipt, names a `seq` that the spool never gave.
  The uplink tells the spool (`Spool.heard_of`).

Each means a new epoch, so that no `seq` is ever given twice. A wrong alarm (a new network card in a box that has no
other serial) costs a new epoch and nothing else.
"""

import hashlib
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path("/")
_MACHINE_ID: Final = ("etc/machine-id", "var/lib/dbus/machine-id")
_BOARD: Final = (
    "sys/firmware/devicetree/base/serial-number",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/board_serial",
    "sys/class/dmi/id/product_serial",
)
_BOOT_ID: Final = "proc/sys/kernel/random/boot_id"
_PERMANENT: Final = "0"  # addr_assign_type: the address comes from the hardware
_PLACEHOLDERS: Final = {"", "none", "default string", "system serial number", "not specified", "not applicable", "0"}
_SHORTEST: Final = 4
_MARK_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine and its present boot. The serials are hashes: nothing that identifies hardware leaves it in clear."""

    machine_id: str
    boot_id: str
    board: frozenset[str] = field(default_factory=frozenset)
    cards: frozenset[str] = field(default_factory=frozenset)

    def same_machine(self, other: "Identity") -> bool:
        """Whether nothing speaks against these being the same device."""
        machine = {self.machine_id} - {""}, {other.machine_id} - {""}
        pairs = (machine, (self.board, other.board), (self.cards, other.cards))
        return not any(ours and theirs and not ours & theirs for ours, theirs in pairs)

    def joined(self, before: "Identity") -> "Identity":
        """These facts, and for those that cannot be read now, what was known; nothing of another machine."""
        if not self.same_machine(before):
            return self
        machine_id = self.machine_id or before.machine_id
        return Identity(machine_id, self.boot_id, self.board or before.board, self.cards or before.cards)


def read_identity(*, root: Path = ROOT, machine_id_file: Path | None = None) -> Identity:
    """Read what this device tells of itself; whatever cannot be read is left out, never an error."""
    named = [machine_id_file] if machine_id_file else [root / name for name in _MACHINE_ID]
    return Identity(
        machine_id=next((text for text in map(_text, named) if text), ""),
        boot_id=_text(root / _BOOT_ID),
        board=frozenset(_hashed(text) for name in _BOARD if _tells(text := _text(root / name))),
        cards=frozenset(_hashed(address) for address in _card_addresses(root / "sys/class/net")),
    )


def _card_addresses(folder: Path) -> list[str]:
    try:
        cards = sorted(folder.iterdir())
    except OSError:
        return []
    # Only real cards with an address of their own: bridges, tunnels and containers make theirs up at each start.
    real = [card for card in cards if (card / "device").exists() and _text(card / "addr_assign_type") == _PERMANENT]
    return [address for address in (_text(card / "address") for card in real) if address.strip("0:")]


def _tells(serial: str) -> bool:
    plain = serial.lower()
    filled_in = "filled" not in plain and plain not in _PLACEHOLDERS and len(plain) >= _SHORTEST
    return filled_in and len(set(plain) - {"-", " ", "."}) > 1


def _hashed(text: str) -> str:
    return hashlib.sha256(text.lower().encode()).hexdigest()[:16]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return ""


class Seen(msgspec.Struct, frozen=True):
    """The newest place that a spool gave out."""

    epoch: str
    seq: int


class Mark:
    """One line outside the database that remembers the newest place it gave out.

    Written after each commit, in place and without waiting for the disk: it may lag behind the database after a power
    cut, which proves nothing; it can run ahead of the database only if that was put back or lost its tail.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Seen | None:
        """Give what was seen; None if there is no mark or it cannot be trusted."""
        try:
            line = self._path.read_bytes()[:_MARK_BYTES]
        except OSError:
            return None
        check, _, body = line.rstrip(b"\n ").partition(b" ")
        if check != f"{zlib.crc32(body):08x}".encode():
            return None
        try:
            return msgspec.json.decode(body, type=Seen)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write(self, seen: Seen) -> None:
        """Remember; a disk that refuses loses the mark, not a report, so this never raises."""
        body = msgspec.json.encode(seen)
        line = (f"{zlib.crc32(body):08x} ".encode() + body).ljust(_MARK_BYTES - 1) + b"\n"
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.pwrite(file, line, 0)
        except OSError:
            return
        finally:
            os.close(file)
