"""From simulated images to objects, compared with what is truly there."""

import pytest

from tests.acceptance import sample
from tests.acceptance.sample import Finished, Values
from tests.services.installation import Installation
from tmlib.sample import SamplePlate


@pytest.fixture(scope="session")
def values_of_others() -> dict[str, Values]:
    """What installations before this one have measured, by URL of the database."""
    return {}


def test_the_workflow_ends_well(finished: Finished) -> None:
    steps = [step for stage in finished.status["subtasks"] for step in stage["subtasks"]]
    assert [step["name"] for step in steps] == [
        "metaextract",
        "metaconfig",
        "imextract",
        "corilla",
        "illuminati",
        "jterator",
    ]
    assert all(step["done"] and step["n_jobs_done"] == step["n_jobs"] for step in steps)


def test_every_site_is_there(finished: Finished, sample_plate: SamplePlate) -> None:
    sites = {(s["well_name"], s["y"], s["x"]) for s in finished.client.get_sites(sample.PLATE)}
    assert sites == {(site.well, site.y, site.x) for site in sample_plate.sites}


def test_the_nuclei_of_every_site_are_found(finished: Finished, sample_plate: SamplePlate) -> None:
    found = sample.outlines(finished.client, "Nuclei")
    scores = {
        (site.well, site.y, site.x): sample.f1_score(site.nuclei(), sample.labels_of(site, found))
        for site in sample_plate.sites
    }
    assert min(scores.values()) >= 0.95, scores


def test_every_cell_contains_exactly_its_nucleus(finished: Finished) -> None:
    nuclei = sample.outlines(finished.client, "Nuclei")
    cells = sample.outlines(finished.client, "Cells")
    sample.assert_one_to_one(nuclei, cells)


def test_every_site_knows_how_good_its_images_are(
    finished: Finished, sample_plate: SamplePlate
) -> None:
    values = finished.client.download_feature_values("Sites")
    assert len(values) == len(sample_plate.sites)
    measured = [name for name in values.columns if name != "mapobject_id"]
    assert len(measured) == 6
    assert all(name.startswith("Quality_") for name in measured)
    assert set(values["mapobject_id"]) == set(sample.outlines(finished.client, "Sites"))


def test_all_installations_measure_the_same(
    installation: Installation, finished: Finished, values_of_others: dict[str, Values]
) -> None:
    values = sample.feature_values(finished.client)
    values_of_others[installation.database_url] = values
    first = next(iter(values_of_others.values()))
    assert sum(map(len, values.values())) > 100
    sample.assert_same(values, first)
