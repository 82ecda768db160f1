"""The stand-in speaks as ModemManager does: its names and types are those of the published introspection."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.agent.radio.standin import METHODS, PROPERTIES

PUBLISHED = Path("/usr/share/dbus-1/interfaces")
PACKAGE = PUBLISHED / "org.freedesktop.ModemManager1.Modem.xml"


@pytest.mark.skipif(not PACKAGE.exists(), reason="needs the package modemmanager-dev")
@pytest.mark.parametrize("interface", PROPERTIES)
def test_names_and_types_are_the_published_ones(interface: str) -> None:
    root = ET.parse(PUBLISHED / f"{interface}.xml").getroot()  # noqa: S314 - a file of the system's own package
    found = root.find(f"interface[@name='{interface}']")
    assert found is not None
    types = {item.attrib["name"]: item.attrib["type"] for item in found.findall("property")}
    assert {name: types.get(name) for name in PROPERTIES[interface]} == PROPERTIES[interface]
    for name, (taken, given) in METHODS.get(interface, {}).items():
        (method,) = found.findall(f"method[@name='{name}']")
        way = {"in": "", "out": ""}
        for item in method.findall("arg"):
            way[item.attrib.get("direction", "in")] += item.attrib["type"]
        assert way == {"in": taken, "out": given}, name
