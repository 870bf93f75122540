"""Classification: objects are assigned to classes of which the user has given examples."""

import logging
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
from tmlib.tools.learning.examples import Examples, TrainingClass
from tmlib.tools.learning.trained_models import ModelClass, ModelDescription, TrainedModel
from tmlib.tools.payloads import FeaturesPayload, Part
from tmlib.tools.remarks import RemarkColumn
from tmlib.tools.values import Values

logger = logging.getLogger("tmlib.job")


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
    """Which features count, what the classes look like, and how to tell them apart.

    Either ``training_classes`` or ``training_table`` has the examples.
    """

    training_classes: tuple[TrainingClass, ...] = Field(
        default=(),
        description="Classes and examples of them.",
        json_schema_extra={"format": "training-classes"},
    )
    training_table: RemarkColumn | None = Field(
        default=None,
        description="Annotation table whose rows are examples, instead of classes.",
        json_schema_extra={"format": "training-table"},
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

    def remarks(self, payload: ClassificationPayload) -> RemarkColumn | None:
        """The table that has the examples, if one has."""
        return payload.training_table

    def as_of(self, payload: ClassificationPayload, remarks: RemarkColumn) -> ClassificationPayload:
        """The same request with the moment at which the table is read."""
        return payload.model_copy(update={"training_table": remarks})

    def check(
        self, session: Session, payload: ClassificationPayload, objects: ChosenObjects
    ) -> None:
        """Check that classes differ and have enough examples of the right type."""
        examples = _examples(payload, objects)
        for name, size in zip(examples.names, examples.sizes(), strict=True):
            _check_size(name, size, payload.options.n_fold_cv, "")
        if objects.remarks is None:
            check_objects(session, objects, examples.object_ids.tolist())

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
        given = _examples(payload, objects)
        if objects.remarks is not None and (left_out := objects.remarks.left_out()):
            logger.warning("%s", left_out)
        is_example, truth = given.among(complete)
        names = given.names
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
        texts = tuple(str(float(number)) for number in range(len(names)))
        sizes = np.bincount(codes, minlength=len(texts)).tolist()
        counts = dict(zip(texts, sizes, strict=True))
        n_examples = dict(zip(names, np.bincount(truth).tolist(), strict=True))
        attributes = {
            "unique_labels": [float(text) for text in texts],
            "label_map": {
                text: {"name": name, "color": color}
                for text, name, color in zip(texts, names, given.colors, strict=True)
            },
            "counts": counts,
            **values.counts(),
            **_quality(payload, trained, n_examples),
            **_origin(objects),
        }
        return Finding(
            type="SupervisedClassifierToolResult",
            attributes=attributes,
            labels=Labels(complete.mapobject_ids, complete.tpoints, codes, texts),
            plots=[
                plots.confusion_matrix(trained.confusion, list(names)),
                plots.importances(attributes["feature_importances"]),
                plots.sizes(dict(zip(names, sizes, strict=True))),
            ],
            model=_model(payload, trained, texts, given, examples.mapobject_ids, truth),
        )


def _origin(objects: ChosenObjects) -> dict[str, Any]:
    """Where the examples are from if a table had them, by which the request can be repeated."""
    remarks = objects.remarks
    if remarks is None:
        return {}
    return {
        "training_table": {
            **remarks.of.model_dump(mode="json"),
            "n_rows": len(remarks.mapobject_ids),
            "left_out": remarks.left_out(),
        }
    }


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
    given: Examples,
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
            ModelClass(label=text, name=name, color=color)
            for text, name, color in zip(texts, given.names, given.colors, strict=True)
        ),
        parameters=trained.parameters,
        n_training_objects=dict(zip(given.names, np.bincount(truth).tolist(), strict=True)),
        scaling=extraction.UNSCALED if kind == "forest" else extraction.SCALED,
        versions=extraction.versions(),
    )
    return TrainedModel(description, arrays, np.column_stack((mapobject_ids, truth)))


def _examples(payload: ClassificationPayload, objects: ChosenObjects) -> Examples:
    if objects.remarks is None:
        examples = Examples.given(payload.training_classes)
    elif payload.training_classes:
        raise BadInput('The examples are either in "training_classes" or in "training_table".')
    else:
        examples = Examples.remarked(objects.remarks)
    if len(examples.names) < 2:
        raise BadInput("Give examples of at least two classes.")
    return examples


def _check_size(name: str, n_objects: int, n_folds: int, which: str) -> None:
    if n_objects < n_folds:
        raise BadInput(
            f'The class "{name}" has {n_objects} training objects{which}, but {n_folds}-fold '
            f"cross-validation needs at least {n_folds}: give more, or lower n_fold_cv."
        )
