"""Step corilla on images of which some tell nothing about the light."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from sqlalchemy import select

from tests.services.runs import CONVERSION, Run, Stage
from tmlib.db import Database
from tmlib.experiments.models import Experiment, IllumstatsFile
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.settings import Settings

SIZE = 64
N_GOOD = 36
PREPROCESSING: Stage = ("image_preprocessing", {"corilla": {}})
Y, X = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) * 2 - 1
LIGHT = 1 - 0.225 * (Y**2 + X**2)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def good(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = np.full((SIZE, SIZE), 1500.0)
    y, x = np.mgrid[:SIZE, :SIZE]
    for _ in range(4):
        cy, cx = rng.integers(0, SIZE, 2)
        image[(y - cy) ** 2 + (x - cx) ** 2 <= 25] = rng.integers(4000, 9000)
    return rng.poisson(image * LIGHT).astype(np.uint16)


def images(n_black: int, n_saturated: int) -> list[np.ndarray]:
    black, white = np.zeros((SIZE, SIZE), np.uint16), np.full((SIZE, SIZE), 65535, np.uint16)
    # the spoilt ones come first, where whoever looks at the first image only would meet them
    return [black] * n_black + [white] * n_saturated + [good(seed) for seed in range(N_GOOD)]


def learn(run: Run, folder: Path, pictures: list[np.ndarray]) -> IllumstatsFile:
    """Upload an image for each well, and learn the light of their channel."""
    folder.mkdir()
    files = []
    for number, picture in enumerate(pictures):
        well = f"{'ABCDEFGH'[number // 12]}{number % 12 + 1:02}"
        files.append(folder / f"plate_{well}_T0001F001L01A01Z01C01.tif")
        tifffile.imwrite(files[-1], picture, metadata=None)
    run.upload("plate", "first", files)
    run.run(("image_conversion", CONVERSION), PREPROCESSING)
    with run.database.session() as session:
        return session.scalars(select(IllumstatsFile)).one()


def unevenness(run: Run, learnt: IllumstatsFile) -> float:
    """Of an evenly stained slide after correction, as coefficient of variation."""
    correction = IlluminationCorrection.load(run.storage.root / learnt.path)
    corrected = correction.correct(np.rint(3000 * LIGHT).astype(np.uint16))
    return float(corrected.std() / corrected.mean())


@pytest.mark.parametrize(("n_black", "n_saturated"), [(0, 0), (12, 4), (48, 0)])
def test_spoilt_images_do_not_count(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    tmp_path: Path,
    n_black: int,
    n_saturated: int,
) -> None:
    run = Run(database, experiment, settings)
    learnt = learn(run, tmp_path / "images", images(n_black, n_saturated))
    assert learnt.n_images == N_GOOD
    statistics = IlluminationStatistics.load(run.storage.root / learnt.path)
    expected = IlluminationStatistics(SIZE, SIZE, statistics.camera_offset)
    for seed in range(N_GOOD):
        expected.update(good(seed))
    np.testing.assert_allclose(statistics.mean, expected.mean, rtol=1e-6)
    assert statistics.percentile(50) == expected.percentile(50)
    assert unevenness(run, learnt) < 0.03 < LIGHT.std() / LIGHT.mean() / 3
    # what is told of the correction is true of the images that are corrected
    correction = IlluminationCorrection.from_statistics(expected)
    told = (learnt.flatness_before, learnt.flatness_after)
    assert told == pytest.approx(correction.flatness(expected), rel=1e-3)
    log = run.log("corilla")
    if n_black:
        total = N_GOOD + n_black + n_saturated
        assert f"{n_black + n_saturated} of {total} images of channel A01_C01" in log
        assert "site 0 of well A01 of plate plate (black)" in log
        assert ("site 0 of well B04 of plate plate (saturated)" in log) == bool(n_saturated)
    else:
        assert "left out" not in log


def test_a_channel_of_nothing_but_black_images_is_left_as_it_is(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    run = Run(database, experiment, settings)
    folder = tmp_path / "images"
    folder.mkdir()
    files = [folder / f"plate_A{n:02}_T0001F001L01A01Z01C01.tif" for n in range(1, 5)]
    for file in files:
        tifffile.imwrite(file, np.zeros((SIZE, SIZE), np.uint16), metadata=None)
    run.upload("plate", "first", files)
    run.run(
        ("image_conversion", CONVERSION), PREPROCESSING, ("pyramid_creation", {"illuminati": {}})
    )
    with database.session() as session:
        assert session.scalars(select(IllumstatsFile)).all() == []
    assert "0 images that tell about its light" in run.log("corilla")
