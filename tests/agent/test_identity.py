from dataclasses import replace
from pathlib import Path

import pytest

from agent.identity import Identity, Mark, Seen, read_identity

OURS = Identity("machine", "boot", frozenset({"board"}), frozenset({"card-1", "card-2"}))


def device(root: Path, **files: str) -> None:
    """Lay out a file system as the kernel shows it; __ stands for / in names."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def card(root: Path, name: str, address: str, *, kind: str = "0", real: bool = True) -> None:
    folder = root / "sys/class/net" / name
    folder.mkdir(parents=True)
    (folder / "address").write_text(address + "\n")
    (folder / "addr_assign_type").write_text(kind + "\n")
    if real:
        (folder / "device").mkdir()


def test_an_empty_machine_is_no_error(tmp_path: Path) -> None:
    assert read_identity(root=tmp_path) == Identity("", "")


def test_what_identifies_hardware_is_read_and_hashed(tmp_path: Path) -> None:
    device(tmp_path, etc__machine_id="x")
    device(tmp_path, **{"etc__machine-id": "0123abc\n", "proc__sys__kernel__random__boot_id": "b-1\n"})
    device(tmp_path, **{"sys__firmware__devicetree__base__serial-number": "10000000abcdef01\0"})
    card(tmp_path, "eth0", "b8:27:eb:00:00:01")
    found = read_identity(root=tmp_path)
    assert (found.machine_id, found.boot_id) == ("0123abc", "b-1")
    assert len(found.board) == len(found.cards) == 1
    assert "b8:27" not in str(found)
    assert "10000000abcdef01" not in str(found)


def test_made_up_addresses_say_nothing(tmp_path: Path) -> None:
    card(tmp_path, "lo", "00:00:00:00:00:00")
    card(tmp_path, "docker0", "02:42:00:00:00:01", kind="3", real=False)
    card(tmp_path, "veth1", "02:42:00:00:00:02", real=False)
    card(tmp_path, "wlan0", "02:00:00:00:00:03", kind="1")
    card(tmp_path, "usb0", "00:00:00:00:00:00")
    assert read_identity(root=tmp_path).cards == frozenset()


@pytest.mark.parametrize("serial", ["", "Default string", "To be filled by O.E.M.", "0000-0000", "None", "xxxxxx"])
def test_placeholders_say_nothing(tmp_path: Path, serial: str) -> None:
    device(tmp_path, sys__class__dmi__id__board_serial=serial)
    assert read_identity(root=tmp_path).board == frozenset()


def test_a_named_machine_id_file_is_used(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("mine\n")
    assert read_identity(root=tmp_path, machine_id_file=tmp_path / "id").machine_id == "mine"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (OURS, True),
        (replace(OURS, boot_id="another boot"), True),
        (replace(OURS, machine_id="another"), False),
        (replace(OURS, board=frozenset({"another board"})), False),
        (replace(OURS, cards=frozenset({"card-3"})), False),
        (replace(OURS, cards=frozenset({"card-2", "card-3"})), True),
        (replace(OURS, board=frozenset(), cards=frozenset()), True),
        (Identity("", ""), True),
    ],
)
def test_only_what_is_known_on_both_sides_can_differ(other: Identity, same: bool) -> None:  # noqa: FBT001 - a parameter
    assert OURS.same_machine(other) is same
    assert other.same_machine(OURS) is same


def test_facts_that_cannot_be_read_today_are_kept() -> None:
    today = Identity("machine", "boot-2")
    assert today.joined(OURS) == replace(OURS, boot_id="boot-2")
    clone = replace(OURS, machine_id="other", board=frozenset())
    assert clone.joined(OURS) == clone


def test_a_mark_remembers(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "mark")
    assert mark.read() is None
    mark.write(Seen("e", 1_000_000))
    mark.write(Seen("e", 7))
    assert Mark(tmp_path / "mark").read() == Seen("e", 7)


@pytest.mark.parametrize("content", [b"", b"\0" * 256, b"00000000 {}", b"\xff\xfe", b'ffffffff {"epoch":"e","seq":1}'])
def test_a_damaged_mark_proves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mark").write_bytes(content)
    assert Mark(tmp_path / "mark").read() is None


def test_a_disk_that_refuses_the_mark_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "mark").mkdir()
    Mark(tmp_path / "mark").write(Seen("e", 7))
    assert Mark(tmp_path / "mark").read() is None
