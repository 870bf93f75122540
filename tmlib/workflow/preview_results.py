"""What the modules of a pipeline have made while it was tried out on a site.

Arrays become pictures that a browser lays over each other: gray ones of images, and transparent
ones with the outlines of masks and objects. All else is in one file of JSON, which is written
again after each module, so that one can watch them.
"""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import NotFound
from tmlib.jterator.arrays import IntensityStack
from tmlib.jterator.descriptions import OutputHandle
from tmlib.storage import check_file_name

# beside the figures, which are called after modules
_RESULTS = "made/results.json"
_RUN = "run_"
_LARGEST_SIDE = 1024
# a few of the darkest and brightest pixels would leave no contrast to all others
_DARKEST, _BRIGHTEST = 0.1, 99.9
_INSIDE = 50

# apart from each other and from gray, also for the colour-blind
_COLOURS = np.array(
    [
        (86, 180, 233), (230, 159, 0), (0, 190, 140), (240, 228, 66),
        (235, 105, 40), (214, 130, 180), (120, 150, 255), (170, 220, 110),
    ],
    np.uint8,
)  # fmt: skip


class Recorder:
    """Observes a pipeline, and writes down what its modules make.

    Parameters
    ----------
    folder
        Where all runs on this site go; what was there of earlier ones is removed.
    submission_id
        Of the run.
    images
        Gray values (y, x) or (y, x, z) of the channels, by name.
    """

    def __init__(
        self, folder: Path, submission_id: int, images: Mapping[str, IntensityStack]
    ) -> None:
        self._folder = folder / f"{_RUN}{submission_id}"
        _results(self._folder).parent.mkdir(parents=True, exist_ok=True)
        for earlier in set(folder.iterdir()) - {path for _, path in _runs(folder, submission_id)}:
            _remove(earlier)
        self._n_pictures = 0
        self._begun = 0.0
        self._modules: list[dict[str, Any]] = []
        self._results: dict[str, Any] = {
            "submission_id": submission_id,
            "channels": [
                {"name": name, "picture": self._draw(_gray(_flat(image)))}
                for name, image in images.items()
            ],
            "modules": self._modules,
        }
        self._write()

    def begin(self, module_name: str) -> None:
        """Say that a module begins."""
        self._begun = time.monotonic()
        module: dict[str, Any] = {
            "name": module_name,
            "seconds": None,
            "has_figure": False,
            "outputs": [],
        }
        self._modules.append(module)
        self._write()

    def take(self, handle: OutputHandle, value: NDArray[Any] | pd.DataFrame) -> None:
        """Take what the module has made."""
        output: dict[str, Any] = {"name": handle.name, "key": handle.key, "type": handle.type}
        if isinstance(value, pd.DataFrame):
            features = [
                {"name": str(name), **_bounds(column.to_numpy(np.float64))}
                for name, column in value.items()
            ]
            output |= {"n_objects": len(value), "features": features}
        elif value.dtype == np.int32:
            n_objects = int((pd.unique(value.ravel()) > 0).sum())
            output |= {"n_objects": n_objects, "picture": self._draw(_outlines(value))}
        elif value.dtype == np.bool_:
            picture = self._draw(_outlines(value.astype(np.int32)))
            output |= {"share": float(value.mean()), "picture": picture}
        else:
            output |= {"gray_values": _bounds(value), "picture": self._draw(_gray(value))}
        self._modules[-1]["outputs"].append(output)

    def save_figure(self, module_name: str, figure: str) -> None:
        """Keep the figure (Plotly JSON) of the module."""
        # a preview can be run again
        path = _figure(self._folder, module_name)
        durable_files.write(path, figure, sync="content")
        self._modules[-1]["has_figure"] = True

    def end(self) -> None:
        """Say that the module has ended well."""
        self._modules[-1]["seconds"] = time.monotonic() - self._begun
        self._write()

    def _draw(self, pixels: NDArray[np.uint8]) -> int:
        """Write a picture; gives its number."""
        self._n_pictures += 1
        content = bytes(imagecodecs.png_encode(pixels, level=1))
        durable_files.write(_picture(self._folder, self._n_pictures), content, sync="none")
        return self._n_pictures

    def _write(self) -> None:
        durable_files.write(_results(self._folder), json.dumps(self._results), sync="none")


def read_results(folder: Path) -> dict[str, Any] | None:
    """What the modules have made so far in the latest run; None if none has begun."""
    for _, run in _runs(folder):
        try:
            found: dict[str, Any] = json.loads(_results(run).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        return found
    return None


def read_figure(folder: Path, module_name: str) -> str | None:
    """The figure (Plotly JSON) of a module in the latest run; None if there is none."""
    for _, run in _runs(folder)[:1]:
        path = _figure(run, module_name)
        return path.read_text(encoding="utf-8") if path.is_file() else None
    return None


def read_picture(folder: Path, submission_id: int, number: int) -> bytes:
    """A picture of a run (PNG).

    Raises
    ------
    NotFound
        If there is none.
    """
    run = folder / f"{_RUN}{submission_id}"
    if not run.exists():
        raise NotFound(f"There is nothing of run {submission_id} any more: run the pipeline again.")
    try:
        return _picture(run, number).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"Run {submission_id} has no picture {number}.") from None


def _runs(folder: Path, first: int = 0) -> list[tuple[int, Path]]:
    """Numbers and folders of the runs on a site from one on, the latest first."""
    found = [(int(path.name.removeprefix(_RUN)), path) for path in folder.glob(f"{_RUN}*")]
    return sorted((one for one in found if one[0] >= first), reverse=True)


def _remove(path: Path) -> None:
    """Remove a run, or what older versions have left; its jobs may still be writing."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _results(run: Path) -> Path:
    return run / _RESULTS


def _figure(run: Path, module_name: str) -> Path:
    return run / check_file_name(f"{module_name}.json")


def _picture(run: Path, number: int) -> Path:
    return _results(run).with_name(f"picture_{number}.png")


def _bounds(values: NDArray[Any]) -> dict[str, float | None]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return {"minimum": None, "mean": None, "maximum": None}
    bounds = {"minimum": finite.min(), "mean": finite.mean(), "maximum": finite.max()}
    return {name: float(value) for name, value in bounds.items()}


def _flat(image: IntensityStack) -> NDArray[Any]:
    """The brightest of all focal planes."""
    return image.max(axis=2) if image.ndim > 2 else image


def _thinned(pixels: NDArray[Any]) -> NDArray[Any]:
    step = max(1, -(-max(pixels.shape) // _LARGEST_SIDE))
    return pixels[::step, ::step]


def _gray(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An image (y, x) with full contrast."""
    image = np.nan_to_num(_thinned(image))
    dark, bright = np.percentile(image, (_DARKEST, _BRIGHTEST))
    scaled = (image - dark) * (255 / max(bright - dark, 1))
    gray: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return gray


def _outlines(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Outlines of objects (y, x, 4): red, green, blue and opacity."""
    labels = _thinned(labels)
    picture = np.zeros((*labels.shape, 4), np.uint8)
    inside = labels > 0
    picture[inside, :3] = _COLOURS[(labels[inside] - 1) % len(_COLOURS)]
    picture[inside, 3] = _INSIDE
    around = np.pad(labels, 1, mode="edge")
    neighbours = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    is_edge = np.any([neighbour != labels for neighbour in neighbours], axis=0)
    picture[is_edge & inside, 3] = 255
    return picture
