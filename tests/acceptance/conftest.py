from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import sample
from tests.services.demo import Demo, running_demo
from tests.services.installation import Installation
from tmlib.sample import SamplePlate, simulate_plate

DATA = Path(__file__).parents[3] / "shared" / "data"
HUMAN_PATTERN = r"_(?P<w>[A-Z]\d{2})f(?P<s>\d{2})d(?P<c>\d)\."

needs_images = pytest.mark.skipif(
    not DATA.is_dir(), reason="the public example images are not beside the repository"
)


@pytest.fixture(scope="session")
def human(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of real images of human cells, which has ended and can be looked at."""
    folder = tmp_path_factory.mktemp("demo") / "human"
    arguments = ("--images", DATA / "human", "--pattern", HUMAN_PATTERN, "--cells-channel", 2)
    with running_demo(folder, f"sqlite:///{folder / 'tmserver.db'}", *arguments) as demo:
        yield demo


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
