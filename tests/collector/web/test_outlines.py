"""Outlines for the map: what is taken, what is refused and how that is said, and how they are served."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from collector.errors import UsageError
from collector.web.overview import outlines
from collector.web.overview.outlines import checked
from collector.web.overview.outlines_file import OutlinesFile
from tests.collector.web.house import province

RING = [[106.0, 21.0], [107.0, 21.0], [107.0, 22.123456789, 5.0], [106.0, 21.0]]


def collection(geometry: Any, **properties: Any) -> bytes:  # noqa: ANN401 - as wrong as a test wants it
    feature = {"type": "Feature", "properties": properties, "geometry": geometry, "id": 7}
    return json.dumps({"type": "FeatureCollection", "name": "x", "features": [feature]}).encode()


def polygon(ring: Any) -> dict[str, Any]:  # noqa: ANN401 - as wrong as a test wants it
    return {"type": "Polygon", "coordinates": [ring]}


def test_names_levels_and_shapes_are_taken_to_a_metre_and_nothing_else() -> None:
    several = {"type": "MultiPolygon", "coordinates": [[RING], [RING]]}
    told = json.loads(checked(collection(several, name="Hữu Lũng", level="commune", secret=1), "x"))
    (feature,) = told["features"]
    assert feature["properties"] == {"name": "Hữu Lũng", "level": "commune"}
    assert feature["geometry"]["coordinates"][1][0][2] == [107.0, 22.12346]
    assert set(feature) == {"type", "properties", "geometry"}
    plain = json.loads(checked(collection(polygon(RING), name=5, level="xã"), "x"))["features"][0]
    assert plain["properties"] == {"name": "5", "level": "commune"}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"<html>", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"type":"Topology"}', "Invalid value 'Topology'"),
        (collection({"type": "Point", "coordinates": [1, 2]}), "Invalid value 'Point'"),
        (collection(None), "Expected `object`, got `null`"),
        (collection(polygon(RING[:2])), "length >= 4"),
        (collection(polygon([["a", 1]] * 4)), "Expected `float`"),
        (collection(polygon([[21.0, 106.0]] * 4)), "feature 1 lies nowhere on earth"),
        (collection(polygon([[603000.0, 2370000.0]] * 4)), "longitude first"),
        (b"[" * 100_000, "web.outlines: file.geojson"),
    ],
)
def test_what_is_no_outline_is_refused_in_one_line(raw: bytes, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked(raw, "file.geojson")
    assert why in str(refused.value)
    assert str(refused.value).startswith("web.outlines: file.geojson: ")
    assert "\n" not in str(refused.value)


def test_what_no_browser_could_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="larger than 32 MiB"):
        checked(b" " * (outlines.MOST_BYTES + 1), "x")
    too_many = collection(polygon(RING[:3] * (outlines.MOST_POSITIONS // 3 + 1)))
    with pytest.raises(UsageError, match="at most 400000 can be drawn"):
        checked(too_many, "x")


def test_the_file_is_read_again_when_it_changes_and_a_bad_one_keeps_the_old(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outlines.geojson"
    file = OutlinesFile(path)
    with pytest.raises(UsageError, match="no such file"):
        file.read()
    assert file() is None
    path.write_bytes(collection(polygon(RING), name="A"))
    first = file.read()
    assert file() is first, "it is not read again"
    path.write_bytes(collection(polygon(RING), name="Another"))
    second = file()
    assert second is not None
    assert b"Another" in second
    caplog.clear()
    path.write_bytes(b"broken")
    os.utime(path, (1, 1))
    assert [file(), file()] == [second] * 2
    assert len(caplog.records) == 1, "said once"
    path.unlink()
    assert file() == second


async def test_they_are_served_until_they_change(tmp_path: Path) -> None:
    async with province(tmp_path) as it:
        assert (await it.client.get("/api/v1/outlines.geojson")).status == 404
        assert "data-outlines" not in await (await it.client.get("/")).text()
        object.__setattr__(it.sources, "outlines", lambda: checked(collection(polygon(RING), name="<A>"), "x"))
        answer = await it.client.get("/api/v1/outlines.geojson")
        assert answer.content_type == "application/geo+json"
        assert (await answer.json(content_type=None))["features"][0]["properties"]["name"] == "<A>"
        mark = {"If-None-Match": answer.headers["ETag"]}
        assert (await it.client.get("/api/v1/outlines.geojson", headers=mark)).status == 304
        assert 'data-outlines="/api/v1/outlines.geojson"' in await (await it.client.get("/")).text()
