"""The page about features names all of them."""

import re
from pathlib import Path

import numpy as np

from tmlib.jterator.measure.intensity import intensity
from tmlib.jterator.measure.morphology import morphology
from tmlib.jterator.measure.neighbours import neighbours
from tmlib.jterator.measure.point_pattern import point_pattern
from tmlib.jterator.measure.texture import texture
from tmlib.jterator.measure.volume import morphology_3d

PAGE = Path(__file__).parents[4] / "docs" / "features.md"


def test_every_feature_is_on_the_page() -> None:
    labels, image = np.zeros((1, 1), np.int32), np.zeros((1, 1), np.uint8)
    families = (
        intensity(labels, image),
        morphology(labels, zernike=True),
        texture(labels, image, measure_tas=True, measure_lbp=True, measure_haralick=True),
        point_pattern(labels, labels),
        neighbours(labels),
        morphology_3d(labels, image),
    )
    columns = [column for family in families for column in family]
    assert len(columns) == 5 + 15 + 49 + 3 + 54 + 7 + 108 + 26 + 8 + 2 + 6
    page = PAGE.read_text(encoding="utf-8")
    for column in columns:
        family, feature = str(column).split("_", 1)
        assert f"## {family}\n" in page
        # what varies stands for itself: numbers, and the range and statistic that have a list
        name = re.sub(r"^(Zernike|Gabor-frequency|LBP-radius|Hu)-.*", r"\1-", feature)
        name = re.sub(r"^(TAS|Haralick)-(.*)-\d+$", r"`\2`", name)
        assert name in page, column
