"""Maps without a tile server. Pure.

A closed network reaches none, and Grafana has no basemap that is empty: every one of them is somebody's tiles, and a
tile layer without an address asks a public one. But Grafana takes any of its layers as the basemap, and it ships
outlines of all countries itself (`public/maps/countries.geojson`, served by the same Grafana): these lie below. Where
an operator has tiles of his own, he chooses them in the panel.

Shape tells states apart as well as colour does: each state is a layer with a symbol of its own over one of all sites,
which also gives the view its extent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.panels import Json, Panel, Target

_OUTLINES: Final = "public/maps/countries.geojson"
_EXTENT: Final = "all"
_SYMBOLS: Final = "img/icons/marker/"


@dataclass(frozen=True, slots=True)
class Layer:
    """Points of one query. `colour`: a colour, or with `field` that of the field's value."""

    name: str
    target: Target
    symbol: str
    colour: str
    size: int = 6
    field: str | None = None


def places(title: str, about: str, layers: Sequence[Layer], *, size: tuple[int, int], **rest: Any) -> Panel:  # noqa: ANN401
    """Points by `latitude` and `longitude`, the first layer all of them. `defaults`, `overrides` as of a panel."""
    options: Json = {
        "view": {
            "id": "fit",
            "lat": 16.0,
            "lon": 106.5,
            "zoom": 6,
            "allLayers": False,
            "layer": _EXTENT,
            "padding": 10,
        },
        "controls": {
            "showZoom": True,
            "mouseWheelZoom": False,
            "showAttribution": False,
            "showScale": True,
            "showMeasure": False,
            "showDebug": False,
        },
        "tooltip": {"mode": "details"},
        "basemap": _basemap(),
        "layers": [_layer(layer, place) for place, layer in enumerate(layers)],
    }
    targets = [layer.target for layer in layers]
    return Panel("geomap", title, about, targets, size, options, rest["defaults"], tuple(rest.get("overrides", ())))


def _basemap() -> Json:
    style = {
        "color": {"fixed": "semi-dark-blue"},
        "opacity": 0.1,
        "lineWidth": 1,
        "size": {"fixed": 1, "min": 1, "max": 1},
        "rotation": {"fixed": 0, "min": -360, "max": 360, "mode": "mod"},
        "symbol": {"fixed": f"{_SYMBOLS}circle.svg", "mode": "fixed"},
        "textConfig": {},
    }
    return {"type": "geojson", "name": "outlines", "config": {"src": _OUTLINES, "rules": [], "style": style}}


def _layer(layer: Layer, place: int) -> Json:
    colour: Json = {"fixed": layer.colour}
    if layer.field is not None:
        colour["field"] = layer.field
    return {
        "type": "markers",
        "name": layer.name if place else _EXTENT,
        "filterData": {"id": "byRefId", "options": chr(ord("A") + place)},
        "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
        "tooltip": True,
        "config": {
            "showLegend": place == 0 and layer.field is not None,
            "style": {
                "color": colour,
                "opacity": 0.8,
                "rotation": {"fixed": 0, "min": -360, "max": 360, "mode": "mod"},
                "size": {"fixed": layer.size, "min": 2, "max": 15},
                "symbol": {"fixed": f"{_SYMBOLS}{layer.symbol}.svg", "mode": "fixed"},
                "textConfig": {
                    "fontSize": 12,
                    "offsetX": 0,
                    "offsetY": 0,
                    "textAlign": "center",
                    "textBaseline": "middle",
                },
            },
        },
    }
