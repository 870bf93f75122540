"""Neural networks: small models of the form of the real ones, loaded and run as these are."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.errors import ModuleError
from tmlib.jterator.modules import registry
from tmlib.jterator.networks import cellpose
from tmlib.jterator.networks.models import load_model
from tmlib.jterator.project import Project
from tmlib.jterator.runner import run_pipeline

torch = pytest.importorskip("torch", reason='the extra "deep-learning" is not installed')
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

CENTRES = [(30, 35), (34, 90), (100, 40), (96, 71), (230, 250), (150, 287)]


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint16]:
    """Round nuclei, two of which touch, on an image that takes several tiles."""
    y, x = np.mgrid[:300, :320]
    light = np.full(y.shape, 100.0)
    for cy, cx in CENTRES:
        light[np.hypot(y - cy, x - cx) < 16] = 900
    return np.random.default_rng(2).poisson(light).astype(np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tmlib.jterator.networks import tiny_models

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("models")
    tiny_models.save_script(tiny_models.Threshold(), folder / "threshold.pt")
    tiny_models.save_script(tiny_models.Hills(), folder / "hills.pt")
    torch.save(tiny_models.Residual().state_dict(), folder / "residual")
    torch.save({"weight": torch.zeros(3)}, folder / "other")
    torch.save({"weight": 3}, folder / "number")
    (folder / "text.pt").write_text("These are no weights.")
    return folder


def project(module: str, **values: Any) -> Project:
    handles = copy.deepcopy(dict(registry.get(module).handles))
    for handle in handles["input"]:
        if "key" in handle:
            handle["key"] = "DNA"
        handle.update({"value": values[handle["name"]]} if handle["name"] in values else {})
    register = copy.deepcopy(dict(registry.get("register_objects").handles))
    register["input"][0]["key"] = f"{module}.label_image"
    register["output"][0]["key"] = "Nuclei"
    return Project.from_dict(
        {
            "pipeline": {
                "input": {"channels": [{"name": "DNA"}]},
                "pipeline": [
                    {"source": f"{name}.py", "handles": f"handles/{name}.handles.yaml"}
                    for name in (module, "register_objects")
                ],
                "output": {"objects": [{"name": "Nuclei"}]},
            },
            "handles": {module: handles, "register_objects": register},
        }
    )


def labels(project: Project, image: NDArray[Any], folder: Path) -> NDArray[np.int32]:
    return run_pipeline(project, {"DNA": image}, models_dir=folder)["Nuclei"].labels


def test_instanseg_gives_labels(image: NDArray[np.uint16], folder: Path) -> None:
    found = labels(project("segment_instanseg", model="threshold.pt"), image, folder)
    assert np.array_equal(found > 0, image > 500)
    assert [found[y, x] for y, x in CENTRES[:5]] == [1, 1, 1, 1, 3]
    scaled = project("segment_instanseg", model="threshold.pt", pixel_size=0.25)
    assert np.mean((labels(scaled, image, folder) > 0) == (image > 500)) > 0.98


def test_instanseg_finds_what_is_wanted(image: NDArray[np.uint16], folder: Path) -> None:
    halos = np.where(image > 500, image, image + (np.roll(image, 8) > 500) * 200).astype(np.uint16)
    areas = {
        target: np.count_nonzero(
            labels(project("segment_instanseg", model="threshold.pt", target=target), halos, folder)
        )
        for target in ("nuclei", "cells")
    }
    assert areas["cells"] > 1.1 * areas["nuclei"]


@pytest.mark.parametrize("diameter", [None, 40, 25])
def test_cellpose_separates_objects_that_touch(
    image: NDArray[np.uint16], folder: Path, diameter: float | None
) -> None:
    wanted = project("segment_cellpose", model="hills.pt", diameter=diameter)
    found = labels(wanted, image, folder)
    assert len(np.unique(found[found > 0])) == len(CENTRES)
    assert len({found[y, x] for y, x in CENTRES} - {0}) == len(CENTRES)
    areas = np.bincount(found.ravel())[1:]
    assert np.allclose(areas, np.pi * 16**2, rtol=0.12)
    blank = np.full_like(image, 100)
    assert not labels(wanted, blank, folder).any()


def test_weights_of_the_residual_network_are_enough(
    image: NDArray[np.uint16], folder: Path
) -> None:
    from tests.tmlib.jterator.networks.tiny_models import Residual

    network = Residual()
    network.load_state_dict(torch.load(folder / "residual", weights_only=True))
    weights = load_model(str(folder / "residual"))
    channels = torch.rand(1, 2, 64, 48)
    with torch.inference_mode():
        expected = network.eval()(channels)
        assert torch.allclose(cellpose.run_residual(weights, channels), expected, atol=1e-5)
    flows = cellpose.flows(weights, image, diameter=None)
    assert flows.shape == (3, *image.shape)
    assert np.isfinite(flows).all()
    assert labels(project("segment_cellpose", model="residual"), image, folder).shape == image.shape


def test_tiles_leave_no_trace(image: NDArray[np.uint16], folder: Path) -> None:
    model = load_model(str(folder / "hills.pt"))
    whole = cellpose.flows(model, image, diameter=None)
    part = cellpose.flows(model, image[:256, :256], diameter=None)
    inside = (..., slice(20, 220), slice(20, 220))
    assert np.corrcoef(whole[2][inside].ravel(), part[2][inside].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 2)])
@pytest.mark.parametrize("bright", [0, 255])
@pytest.mark.parametrize(
    ("module", "model"), [("segment_instanseg", "threshold.pt"), ("segment_cellpose", "residual")]
)
def test_any_image_will_do(
    folder: Path, module: str, model: str, bright: int, shape: tuple[int, int]
) -> None:
    image = np.full(shape, bright, np.uint8)
    image[shape[0] // 2, shape[1] // 2] = 77
    found = labels(project(module, model=model), image, folder)
    assert found.shape == shape
    assert found.dtype == np.int32


@pytest.mark.parametrize(
    ("module", "model"), [("segment_instanseg", "threshold.pt"), ("segment_cellpose", "hills.pt")]
)
def test_figures_are_made_on_demand(
    image: NDArray[np.uint16], folder: Path, module: str, model: str
) -> None:
    figures: dict[str, str] = {}
    run_pipeline(
        project(module, model=model, plot=True),
        {"DNA": image},
        models_dir=folder,
        save_figure=figures.__setitem__,
    )
    figure = json.loads(figures[module])
    assert [trace["name"] for trace in figure["data"]] == ["image", "objects"]


@pytest.mark.parametrize(
    ("module", "model", "words"),
    [
        ("segment_instanseg", "missing.pt", ["missing.pt", "threshold.pt", "TM_MODELS_DIR"]),
        ("segment_instanseg", "text.pt", ["text.pt", "TorchScript"]),
        ("segment_instanseg", "residual", ["TorchScript"]),
        ("segment_cellpose", "other", ["TorchScript", "residual U-net"]),
        ("segment_cellpose", "number", ["no model", "weights"]),
    ],
)
def test_models_that_cannot_be_used_are_named(
    image: NDArray[np.uint16], folder: Path, module: str, model: str, words: list[str]
) -> None:
    with pytest.raises(ModuleError) as caught:
        labels(project(module, model=model), image, folder)
    assert all(word in caught.value.message for word in [module, *words]), caught.value.message


def test_nothing_that_is_pickled_runs(
    image: NDArray[np.uint16], folder: Path, tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "trap",)

    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"weights": Trap()}, protocol=2))
    torch.save({"weights": Trap()}, tmp_path / "trapped.pt")
    for name in ("trap.pt", "trapped.pt"):
        with pytest.raises(ModuleError, match="no model"):
            labels(project("segment_cellpose", model=name), image, tmp_path)
    assert not (tmp_path / "trap").exists()
