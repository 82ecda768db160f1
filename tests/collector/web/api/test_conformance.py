"""The API keeps what its document says."""

from pathlib import Path

import pytest

from tests.collector.web.api.conformance import tour


@pytest.mark.slow
@pytest.mark.timeout(60)  # 10 s on a busy machine
async def test_answers_are_as_documented_whatever_is_asked(tmp_path: Path) -> None:
    found = await tour(tmp_path)
    asked = {words.rpartition(" ")[0] for words in found if words.startswith("GET")}
    answered = {words.rpartition(" ")[0] for words in found if words.endswith(" 200")}
    assert asked - answered == {"GET /api/v1/outlines.geojson", "GET /api/v1/sites/{site}/test/{request}"}
    assert found["GET /api/v1/outlines.geojson 404"] > 0, "nobody supplied any"
