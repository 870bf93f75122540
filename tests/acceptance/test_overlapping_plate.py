"""A plate whose sites overlap, with a stage that is not exact, as users see it over HTTP."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from rich.console import Console

from tests.acceptance import sample
from tests.services.installation import Installation
from tmlib.sample.overlapping import Mosaic, simulate_overlapping_well, write_overlapping_wells
from tmserver.demo.analysis import choose_project
from tmserver.demo.plate import Grid, read_plate
from tmserver.demo.run import submit

MOSAIC = Mosaic(rows=2, columns=2, height=200, width=200, overlap=40, stage_error=4)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_sites_fit_and_objects_are_counted_once(installation: Installation, tmp_path: Path) -> None:
    well = simulate_overlapping_well(MOSAIC, [21])
    write_overlapping_wells(tmp_path / "overlap", {"B02": well}, MOSAIC)
    plate = read_plate(tmp_path / "overlap", "cellvoyager", None, 96, Grid())
    places = np.array([site.place for site in well.sites])
    corner = np.rint(places.min(axis=0)).astype(int)
    with installation.client() as client:
        submit(client, plate, choose_project(plate, None, None, None), Console(quiet=True))
        assert not sample.wait_for_end(client)["failed"]
        sites = list(sample.outlines(client, "Sites").values())
        nuclei, cells = (sample.outlines(client, name) for name in ("Nuclei", "Cells"))
        values = client.download_feature_values("Nuclei")
        images = {
            (site["y"], site["x"]): client.download_segmentation_image(
                "Nuclei", "plate", "B02", site["y"], site["x"]
            )
            for site in client.get_sites("plate")
        }
        overlaps = client.get_site_overlaps("plate", "B02")

    found = np.array([shapely.bounds(site)[[1, 0]] for site in sites])
    for place in places - places.min(axis=0):
        assert np.abs(found - place).max(axis=1).min() < 1.5
    assert len(overlaps) == 4
    assert all(one["is_reliable"] for one in overlaps)

    truth = well.nuclei[corner[0] :, corner[1] :]
    centres = [shapely.centroid(one) for one in nuclei.values()]
    hit = [int(truth[int(point.y), int(point.x)]) for point in centres]
    assert len(hit) == len(set(hit)) > 40
    assert 0 not in hit
    assert len(cells) == len(nuclei) == len(values)
    assert sum(len(np.unique(image)) - 1 for image in images.values()) == len(nuclei)
