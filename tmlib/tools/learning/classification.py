"""Classification: objects are assigned to classes of which the user has given examples."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.tools import plots
from tmlib.tools.base import (
    SEED,
    ChosenObjects,
    Finding,
    Progress,
    Tool,
    check_objects,
    in_batches,
    one_thread,
    part_of,
)
from tmlib.tools.labels import Labels
from tmlib.tools.learning import estimators
from tmlib.tools.learning.trained_models import ModelClass, ModelDescription, TrainedModel
from tmlib.tools.payloads import Color, FeaturesPayload, ObjectNumber, Part
from tmlib.tools.values import Values


class TrainingClass(Part):
    """A class with example objects."""

    name: str = Field(min_length=1, max_length=255)
    object_ids: tuple[ObjectNumber, ...] = Field(
        description="Numbers of the objects, as in tiles and tables.",
        json_schema_extra={"format": "mapobjects"},
    )
    color: Color = Field(description="Colour to show it in, #rrggbb.")


class _Options(Part):
    n_fold_cv: int = Field(
        default=5,
        ge=2,
        le=100,
        title="Folds",
        description="Number of folds of the cross-validation.",
    )


class RandomForestOptions(_Options):
    """A random forest (Breiman 2001)."""

    method: Literal["randomforest"]


class SvmOptions(_Options):
    """A support vector machine with a radial kernel (Cortes and Vapnik 1995)."""

    method: Literal["svm"]


class LogisticRegressionOptions(_Options):
    """Logistic regression with a quadratic penalty."""

    method: Literal["logisticregression"]


class ClassificationPayload(FeaturesPayload):
    """Which features count, what the classes look like, and how to tell them apart."""

    training_classes: tuple[TrainingClass, ...] = Field(
        description="Classes and examples of them.",
        json_schema_extra={"format": "training-classes"},
    )
    options: RandomForestOptions | SvmOptions | LogisticRegressionOptions = Field(
        discriminator="method"
    )


class Classification(Tool[ClassificationPayload]):
    """Labels objects with the number of their class."""

    name = "Classification"
    icon = "SVC"
    description = "Sorts objects into classes that examples are given of."
    methods = ("randomforest", "svm", "logisticregression")
    payload_type = ClassificationPayload

    def check(
        self, session: Session, payload: ClassificationPayload, objects: ChosenObjects
    ) -> None:
        """Check that classes differ and have enough examples of the right type."""
        classes = payload.training_classes
        if len(classes) < 2:
            raise BadInput("Give examples of at least two classes.")
        _refuse_repeated("class", [one.name for one in classes])
        _refuse_repeated(
            "object", [number for one in classes for number in dict.fromkeys(one.object_ids)]
        )
        for one in classes:
            _check_size(one.name, len(set(one.object_ids)), payload.options.n_fold_cv, "")
        check_objects(session, objects, {i for one in classes for i in one.object_ids})

    def dtype(self, payload: ClassificationPayload) -> DTypeLike:
        """The random forests of scikit-learn round all values to float32."""
        return np.float32 if payload.options.method == "randomforest" else np.float64

    def compute(
        self,
        payload: ClassificationPayload,
        objects: ChosenObjects,
        values: Values,
        progress: Progress,
    ) -> Finding:
        """Train with the examples, test by cross-validation, classify all objects."""
        complete = values.complete()
        classes = payload.training_classes
        is_example, truth = _examples(complete, classes)
        names = [one.name for one in classes]
        examples = complete.where(is_example)
        for code, name in enumerate(names):
            # an object at several time points is one that the others can be tested with
            n_objects = len(np.unique(examples.mapobject_ids[truth == code]))
            _check_size(name, n_objects, payload.options.n_fold_cv, " with values of all features")
        with one_thread():
            trained = estimators.train(
                payload.options.method,
                examples.matrix,
                truth,
                groups=examples.mapobject_ids,
                n_folds=payload.options.n_fold_cv,
                seed=SEED,
            )
            progress(0.3)
            codes = in_batches(
                trained.estimator.predict, complete.matrix, part_of(progress, 0.3, 1)
            )
        texts = tuple(str(float(number)) for number in range(len(classes)))
        sizes = np.bincount(codes, minlength=len(texts)).tolist()
        counts = dict(zip(texts, sizes, strict=True))
        n_examples = dict(zip(names, np.bincount(truth).tolist(), strict=True))
        attributes = {
            "unique_labels": [float(text) for text in texts],
            "label_map": {
                text: {"name": one.name, "color": one.color}
                for text, one in zip(texts, classes, strict=True)
            },
            "counts": counts,
            **values.counts(),
            **_quality(payload, trained, n_examples),
        }
        return Finding(
            type="SupervisedClassifierToolResult",
            attributes=attributes,
            labels=Labels(complete.mapobject_ids, complete.tpoints, codes, texts),
            plots=[
                plots.confusion_matrix(trained.confusion, names),
                plots.importances(attributes["feature_importances"]),
                plots.sizes(dict(zip(names, sizes, strict=True))),
            ],
            model=_model(payload, trained, texts, n_examples, examples.mapobject_ids, truth),
        )


def _quality(
    payload: ClassificationPayload, trained: estimators.Trained, n_examples: dict[str, int]
) -> dict[str, Any]:
    """Parameters and accuracy of the classifier."""
    importances = plots.numbers(trained.importances)
    return {
        "method": payload.options.method,
        "parameters": trained.parameters,
        "n_training_objects": n_examples,
        "cross_validation": {
            "n_folds": payload.options.n_fold_cv,
            "accuracies": plots.numbers(trained.accuracies),
            "mean": float(np.mean(trained.accuracies)),
            "standard_deviation": float(np.std(trained.accuracies)),
        },
        "confusion_matrix": {
            "classes": list(n_examples),
            "counts": trained.confusion.tolist(),
        },
        "feature_importances": dict(zip(payload.features, importances, strict=True)),
    }


def _model(
    payload: ClassificationPayload,
    trained: estimators.Trained,
    texts: Sequence[str],
    n_examples: dict[str, int],
    mapobject_ids: NDArray[np.int64],
    truth: NDArray[np.int64],
) -> TrainedModel:
    """The model to store, which can be applied to other objects."""
    from tmlib.tools.learning import extraction

    kind, arrays = extraction.arrays_of(trained.estimator)
    description = ModelDescription(
        kind=kind,
        tool_name=Classification.name,
        tool_version=Classification.version,
        method=payload.options.method,
        mapobject_type_name=payload.chosen_object_type,
        features=payload.features,
        classes=tuple(
            ModelClass(label=text, name=one.name, color=one.color)
            for text, one in zip(texts, payload.training_classes, strict=True)
        ),
        parameters=trained.parameters,
        n_training_objects=n_examples,
        scaling=extraction.UNSCALED if kind == "forest" else extraction.SCALED,
        versions=extraction.versions(),
    )
    return TrainedModel(description, arrays, np.column_stack((mapobject_ids, truth)))


def _refuse_repeated(what: str, items: Sequence[str | int]) -> None:
    repeated = [item for item, count in Counter(items).items() if count > 1]
    if repeated:
        raise BadInput(f'The {what} "{repeated[0]}" is given twice: give it once.')


def _check_size(name: str, n_objects: int, n_folds: int, which: str) -> None:
    if n_objects < n_folds:
        raise BadInput(
            f'The class "{name}" has {n_objects} training objects{which}, but {n_folds}-fold '
            f"cross-validation needs at least {n_folds}: give more, or lower n_fold_cv."
        )


def _examples(
    values: Values, classes: Sequence[TrainingClass]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of the objects (n,) are examples, and the class of each example."""
    ids = np.concatenate([np.array(one.object_ids, dtype=np.int64) for one in classes])
    codes = np.repeat(np.arange(len(classes)), [len(one.object_ids) for one in classes])
    ids, first = np.unique(ids, return_index=True)
    is_example = np.isin(values.mapobject_ids, ids)
    places = np.searchsorted(ids, values.mapobject_ids[is_example])
    return is_example, codes[first][places]
