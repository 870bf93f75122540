"""Every template finds its objects on a simulated site."""

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.tmlib.jterator.projects.test_nuclei_and_cells import assert_one_nucleus_per_cell
from tmlib.errors import BadInput, NotFound
from tmlib.jterator.projects.templates import TEMPLATES, Template, make_project
from tmlib.jterator.runner import run_pipeline
from tmlib.sample import simulate_plate

CHANNELS = {"nuclei": "DNA", "cells": "Cell bodies", "spots": "RNA"}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.uint16]]:
    """A site, with two spots of RNA in each nucleus."""
    folder = tmp_path_factory.mktemp("plate")
    plate = simulate_plate(folder, wells=["B02"], rows=1, columns=1, height=256, width=256, seed=5)
    dna, cells = (tifffile.imread(path) for path in plate.image_files)
    nuclei = plate.sites[0].nuclei()
    y, x = np.mgrid[: nuclei.shape[0], : nuclei.shape[1]]
    light = np.full(nuclei.shape, 100.0)
    for label in np.unique(nuclei[nuclei > 0]):
        rows, columns = np.nonzero(nuclei == label)
        for side in (-3, 3):
            distance = np.hypot(y - rows.mean(), x - columns.mean() - side)
            light += 900 * np.exp(-(distance**2) / 2)
    spots = np.random.default_rng(1).poisson(light).astype(np.uint16)
    return {"DNA": dna, "Cell bodies": cells, "RNA": spots}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: str(one.name))
def test_every_template_finds_objects(
    template: Template, images: dict[str, NDArray[np.uint16]]
) -> None:
    channels = {role: CHANNELS[role] for role in template.channels}
    project = make_project(template.name, channels)
    project.check(list(channels.values()))
    found = run_pipeline(project, images)
    n_nuclei = len(found["Nuclei"].measurements)
    assert n_nuclei > 10
    assert ("Cells" in found) == ("cells" in channels)
    assert ("Spots" in found) == ("spots" in channels)
    if "Cells" in found:
        assert_one_nucleus_per_cell(found)
    if "Spots" in found:
        assert len(found["Spots"].measurements) == pytest.approx(2 * n_nuclei, rel=0.2)
        counts = found["Cells"].measurements["Spots_Count_RNA"]
        assert counts.median() == 2


def test_what_makes_no_pipeline() -> None:
    with pytest.raises(NotFound, match='did you mean "nuclei"'):
        make_project("nucley", {"nuclei": "DNA"})
    with pytest.raises(BadInput, match="needs channels for nuclei, cells; given are nuclei"):
        make_project("nuclei_and_cells", {"nuclei": "DNA"})
    with pytest.raises(BadInput, match="4 to"):
        make_project("nuclei", {"nuclei": "DNA"}, nucleus_diameter=1)
