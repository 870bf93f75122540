"""What is kept of pipelines that are tried out."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tmlib.errors import NotFound
from tmlib.workflow.preview_results import Recorder, read_figure, read_picture, read_results


def test_runs_on_a_site_at_once_do_not_mix(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    slow = Recorder(folder, 1, {"DNA": np.zeros((4, 6), np.uint16)})
    quick = Recorder(folder, 2, {"DNA": np.zeros((5, 7), np.uint16)})
    quick.begin("smooth")
    quick.save_figure("smooth", "{}")
    slow.begin("threshold")
    slow.save_figure("threshold", "{}")
    found = read_results(folder)
    assert found is not None
    assert found["submission_id"] == 2
    assert [one["name"] for one in found["modules"]] == ["smooth"]
    picture = imagecodecs.png_decode(read_picture(folder, 2, 1))
    assert picture.shape == (5, 7)
    assert (read_figure(folder, "smooth"), read_figure(folder, "threshold")) == ("{}", None)

    Recorder(folder, 3, {})
    assert [path.name for path in folder.iterdir()] == ["run_3"]
    with pytest.raises(NotFound):
        read_picture(folder, 2, 1)
