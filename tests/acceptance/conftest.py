from collections.abc import Iterator

import pytest

from tests.acceptance import sample
from tests.services.installation import Installation
from tmlib.sample import SamplePlate, simulate_plate


@pytest.fixture(scope="session")
def sample_plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    """A small plate whose every nucleus is known."""
    return simulate_plate(
        tmp_path_factory.mktemp("sample") / "sample",
        wells=sample.WELLS,
        rows=sample.ROWS,
        columns=sample.COLUMNS,
        height=sample.SIZE,
        width=sample.SIZE,
        seed=3,
    )


@pytest.fixture(scope="session")
def finished(installation: Installation, sample_plate: SamplePlate) -> Iterator[sample.Finished]:
    """The sample plate, taken to the end of the workflow."""
    with installation.client() as client:
        sample.submit_sample(client, sample_plate)
        status = sample.wait_for_end(client)
        assert not status["failed"], status
        yield sample.Finished(client, status)
