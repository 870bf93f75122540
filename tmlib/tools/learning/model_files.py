"""Model files in the safetensors format, which holds arrays and text but no code.

The description is JSON in the metadata of the file. An inconsistent file is refused before anything
is computed with it, so files from untrusted sources are safe.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tmlib import durable_files
from tmlib.errors import BadInput
from tmlib.storage import ExperimentStorage
from tmlib.tools.learning.trained_models import Arrays, ModelDescription, TrainedModel

SUFFIX = ".safetensors"

_FORMAT = {"format": "tmserver.model", "version": "1"}
_TRAINING = "training_objects"
_TYPES = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "I32": np.int32}


def folder(storage: ExperimentStorage) -> Path:
    """The folder with the models of an experiment."""
    return storage.root / "tool_models"


def new_path(storage: ExperimentStorage) -> Path:
    """A path for a new file that no other file has ever had."""
    return folder(storage) / f"{secrets.token_hex(8)}{SUFFIX}"


def write(path: Path, model: TrainedModel) -> None:
    """Write a model to a new file, which appears complete or not at all."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in model.arrays.items()}
    arrays[_TRAINING] = np.ascontiguousarray(model.training_objects)
    metadata = _FORMAT | {"description": model.description.model_dump_json()}
    keep(path, save(arrays, metadata))


def keep(path: Path, content: bytes) -> None:
    """Write bytes to a new file, which appears complete or not at all."""
    durable_files.write(path, content)


def read(path: Path) -> TrainedModel:
    """Read a model and check that it is consistent.

    Raises
    ------
    BadInput
        If it is not a model, or is inconsistent.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_format(metadata)
            names = list(file.keys())
            for name in names:
                _refuse_unless(file.get_slice(name).get_dtype() in _TYPES, f"the type of {name}")
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"This is not a file of a model: send one that was exported here ({error})."
        ) from None
    try:
        description = ModelDescription.model_validate_json(metadata["description"])
    except (KeyError, ValidationError):
        raise BadInput("The model's description lacks something: export it again.") from None
    training = arrays.pop(_TRAINING, np.empty((0, 2), np.int64))
    model = TrainedModel(description, arrays, training)
    _check(model)
    return model


def _check_format(metadata: dict[str, str]) -> None:
    if not _FORMAT.items() <= metadata.items():
        raise BadInput(
            "The file holds arrays, but no model of a version that is known here: send one that "
            "was exported by this version of the product."
        )


def _check(model: TrainedModel) -> None:
    description, arrays = model.description, model.arrays
    n_features, n_classes = len(description.features), len(description.classes)
    labels = {one.label for one in description.classes}
    _refuse_unless(len(labels) == n_classes, "the labels of its classes")
    training = model.training_objects
    _refuse_unless(
        training.dtype == np.int64 and training.ndim == 2 and training.shape[1] == 2, _TRAINING
    )
    for name, array in arrays.items():
        _refuse_unless(np.isfinite(array).all(), name)
    if description.kind != "forest":
        _expect(arrays, "center", (n_features,))
        _expect(arrays, "scale", (n_features,))
        _refuse_unless((arrays["scale"] != 0).all(), "scale")
    _CHECKS[description.kind](arrays, n_features, n_classes)


def _expect(arrays: Arrays, name: str, shape: tuple[int, ...], dtype: Any = np.float64) -> None:
    found = arrays.get(name)
    _refuse_unless(found is not None and found.shape == shape and found.dtype == dtype, name)


def _refuse_unless(fits: bool | np.bool_, what: str) -> None:
    if not fits:
        raise BadInput(f"The model does not fit together in {what}: export it again.")


def _check_forest(arrays: Arrays, n_features: int, n_classes: int) -> None:
    n_nodes = len(arrays.get("left", ()))
    for name in ("left", "right", "feature"):
        _expect(arrays, name, (n_nodes,), np.int32)
    _expect(arrays, "threshold", (n_nodes,))
    _expect(arrays, "shares", (n_nodes, n_classes))
    bounds = arrays.get("first_node", np.empty(0, np.int64))
    _expect(arrays, "first_node", (len(bounds),), np.int64)
    fits = len(bounds) > 1 and bounds[0] == 0 and bounds[-1] == n_nodes
    _refuse_unless(fits and (np.diff(bounds) > 0).all(), "first_node")
    sizes = np.diff(bounds)
    number = np.arange(n_nodes) - np.repeat(bounds[:-1], sizes)
    is_leaf = arrays["left"] == -1
    for name in ("left", "right"):
        # children come after their parents, so that no path through a tree is endless
        child: NDArray[np.int32] = arrays[name]
        is_later = (child > number) & (child < np.repeat(sizes, sizes))
        _refuse_unless(np.where(is_leaf, child == -1, is_later).all(), name)
    feature = arrays["feature"]
    _refuse_unless((is_leaf | ((feature >= 0) & (feature < n_features))).all(), "feature")


def _check_svm(arrays: Arrays, n_features: int, n_classes: int) -> None:
    n_vectors = len(arrays.get("support_vectors", ()))
    _expect(arrays, "support_vectors", (n_vectors, n_features))
    _expect(arrays, "dual_coefficients", (n_classes - 1, n_vectors))
    _expect(arrays, "intercepts", (n_classes * (n_classes - 1) // 2,))
    _expect(arrays, "gamma", (1,))
    _expect(arrays, "n_support", (n_classes,), np.int64)
    n_support = arrays["n_support"]
    _refuse_unless((n_support >= 0).all() and n_support.sum() == n_vectors, "n_support")


def _check_logistic(arrays: Arrays, n_features: int, n_classes: int) -> None:
    n_rows = 1 if n_classes == 2 else n_classes
    _expect(arrays, "coefficients", (n_rows, n_features))
    _expect(arrays, "intercepts", (n_rows,))


def _check_centres(arrays: Arrays, n_features: int, n_classes: int) -> None:
    _expect(arrays, "centres", (n_classes, n_features))


_CHECKS: dict[str, Callable[[Arrays, int, int], None]] = {
    "forest": _check_forest,
    "svm": _check_svm,
    "logistic": _check_logistic,
    "centres": _check_centres,
}
