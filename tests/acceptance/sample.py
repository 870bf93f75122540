"""The simulated plate of the acceptance tests: on the server, and as it truly is."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pandas import DataFrame
from pandas.testing import assert_frame_equal
from rich.console import Console
from shapely.geometry.base import BaseGeometry

from tmclient import TmClient
from tmclient.progress import watch_workflow
from tmlib.sample import SamplePlate, SampleSite
from tmserver.demo.analysis import choose_project
from tmserver.demo.plate import Grid, read_plate
from tmserver.demo.run import submit

WELLS = ("B02", "C04")
ROWS, COLUMNS = 2, 2
SIZE = 512
WELL_GAP = 500
PLATE = "plate"
OBJECT_TYPES = ("Cells", "Nuclei")

SiteKey = tuple[str, int, int]
Values = dict[tuple[str, SiteKey], DataFrame]


@dataclass(frozen=True)
class Finished:
    """An experiment whose workflow has ended."""

    client: TmClient
    status: dict[str, Any]


def submit_sample(client: TmClient, plate: SamplePlate) -> None:
    """Upload the sample and start the workflow as ``tm demo`` does."""
    understood = read_plate(plate.folder, "cellvoyager", None, 96, Grid())
    project = choose_project(understood, None, None, None)
    submit(client, understood, project, Console(quiet=True))


def wait_for_end(client: TmClient) -> dict[str, Any]:
    """The status of a workflow at its end."""
    return watch_workflow(client, Console(quiet=True))


def feature_values(client: TmClient) -> Values:
    """All feature values by type and site, rows in the order of labels."""
    values = {}
    for kind in OBJECT_TYPES:
        for site in client.get_sites(PLATE):
            key = (site["well_name"], site["y"], site["x"])
            found = client.download_feature_values(kind, PLATE, *key)
            values[kind, key] = found.sort_values("mapobject_id").drop(columns="mapobject_id")
    return values


def offset(site: SampleSite) -> tuple[int, int]:
    """Where the upper left corner of a site lies on the map (y, x)."""
    rows = sorted({well[0] for well in WELLS})
    columns = sorted({well[1:] for well in WELLS})
    return (
        rows.index(site.well[0]) * (ROWS * SIZE + WELL_GAP) + site.y * SIZE,
        columns.index(site.well[1:]) * (COLUMNS * SIZE + WELL_GAP) + site.x * SIZE,
    )


def outlines(client: TmClient, object_type: str) -> dict[int, BaseGeometry]:
    """The outlines of all objects of a type at the innermost zoom, y downwards, by id."""
    (kind,) = [item for item in client.get_mapobject_types() if item["name"] == object_type]
    (layer,) = kind["layers"]
    max_zoom = client.get_channels()[0]["layers"][0]["max_zoom"]
    size = layer["image_size"]
    found = {}
    for y in range(-(-size["height"] // 256)):
        for x in range(-(-size["width"] // 256)):
            tile = client.download_segmentation_tile(layer["id"], x=x, y=y, z=max_zoom)
            for feature in tile["features"]:
                geometry = shapely.from_geojson(json.dumps(feature["geometry"]))
                found[feature["id"]] = shapely.transform(geometry, lambda xy: xy * (1, -1))
    return found


def labels_of(site: SampleSite, found: dict[int, BaseGeometry]) -> NDArray[np.int32]:
    """The objects of a site drawn as a label image."""
    top, left = offset(site)
    frame = shapely.box(left, top, left + SIZE, top + SIZE)
    labels = np.zeros((SIZE, SIZE), np.int32)
    for number, geometry in enumerate(found.values(), start=1):
        if not frame.contains(geometry.centroid):
            continue
        x0, y0, x1, y1 = (int(v) for v in geometry.bounds)
        y, x = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
        inside = shapely.contains_xy(geometry, x + 0.5, y + 0.5)
        rows, columns = y[inside] - top, x[inside] - left
        visible = (rows >= 0) & (rows < SIZE) & (columns >= 0) & (columns < SIZE)
        labels[rows[visible], columns[visible]] = number
    return labels


def f1_score(truth: NDArray[np.int32], found: NDArray[np.int32], min_iou: float = 0.5) -> float:
    """F1 of objects, which match when they share at least this much of their union."""
    true_areas, found_areas = np.bincount(truth.ravel()), np.bincount(found.ravel())
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(
        np.column_stack((truth[both], found[both])), axis=0, return_counts=True
    )
    union = true_areas[pairs[:, 0]] + found_areas[pairs[:, 1]] - shared
    matched = len(np.unique(pairs[shared / union >= min_iou, 0]))
    n_true, n_found = np.count_nonzero(true_areas[1:]), np.count_nonzero(found_areas[1:])
    return float(2 * matched / (n_true + n_found))


def assert_one_to_one(nuclei: dict[int, BaseGeometry], cells: dict[int, BaseGeometry]) -> None:
    """Every cell contains exactly one nucleus, and there is a cell for each."""
    points = shapely.point_on_surface(list(nuclei.values()))
    tree = shapely.STRtree(points)
    assert len(cells) == len(nuclei)
    counts = [len(tree.query(cell, predicate="covers")) for cell in cells.values()]
    assert set(counts) == {1}


def assert_same(values: Values, others: Values) -> None:
    """Two runs have found the same objects and measured the same, to the last digit."""
    assert values.keys() == others.keys()
    for key, frame in values.items():
        assert_frame_equal(
            frame.reset_index(drop=True), others[key].reset_index(drop=True), check_exact=True
        )
