"""The interface of tools: their input, its validation, and their results."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.objects.models import Mapobject, MapobjectType
from tmlib.tools.labels import Labels
from tmlib.tools.learning.trained_models import TrainedModel
from tmlib.tools.models import ToolModel
from tmlib.tools.payloads import Payload
from tmlib.tools.plates.wells import Layout
from tmlib.tools.plots import Figure
from tmlib.tools.remarks import RemarkColumn, Remarks
from tmlib.tools.values import Values

SEED = 0
"""Seed of random numbers, which makes results reproducible."""

UNKNOWN_MODEL = "There is no such model, or it is not shared with you: choose another one."

MAX_COUNTED = 10_000
"""No tool needs more objects than this, so counting stops here before the work starts."""

_IDS_PER_QUERY = 10_000  # SQLite limits the number of parameters

PayloadT = TypeVar("PayloadT", bound=Payload)

Progress = Callable[[float], None]
"""Called with the fraction of the work that is done."""


@dataclass(frozen=True)
class ChosenObjects:
    """The objects that a tool is applied to, before any values are read.

    Attributes
    ----------
    experiment_id, type_id, type_name
        Which objects.
    feature_ids
        Numbers of the features that are needed, by name.
    n_objects
        Their number, counted up to `MAX_COUNTED`.
    layout
        The wells of their sites, for a tool that ``needs_wells``.
    model_file
        File of the model that is applied, if any.
    remarks
        What a table says of the objects, if one was asked for.
    """

    experiment_id: int
    type_id: int
    type_name: str
    feature_ids: Mapping[str, int]
    n_objects: int
    layout: Layout
    model_file: Path | None = None
    remarks: Remarks | None = None


@dataclass(frozen=True)
class Finding:
    """The result of a tool.

    Attributes
    ----------
    type
        Determines how the result is displayed.
    attributes
        Everything else about the result, as JSON.
    labels
        A label for each object.
    plots
        Figures.
    wells
        A table with a row per well (``pyarrow.Table``), if the tool analyses wells.
    model
        The model that was trained, if any.
    name
        What the result is to be called, if not after its tool.
    """

    type: str
    attributes: dict[str, Any]
    labels: Labels
    plots: Sequence[Figure] = ()
    wells: Any = None
    model: TrainedModel | None = None
    name: str = ""


class Tool(ABC, Generic[PayloadT]):
    """A tool; subclasses implement it.

    ``version`` is incremented when results change. A tool that ``needs_wells`` is given the
    position of objects on the plates. One that ``takes_incomplete`` is also given objects that lack
    the value of a feature; others are told only the number of these.
    """

    name: ClassVar[str]
    icon: ClassVar[str]
    description: ClassVar[str]
    methods: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    needs_wells: ClassVar[bool] = False
    takes_incomplete: ClassVar[bool] = False
    payload_type: type[PayloadT]

    def model(self, session: Session, payload: PayloadT) -> ToolModel | None:
        """The trained model to apply, whose features are needed then.

        Raises
        ------
        BadInput
            If there is no such model.
        """
        return None

    def remarks(self, payload: PayloadT) -> RemarkColumn | None:
        """The table of remarks on the objects that is read, if any."""
        return None

    def as_of(self, payload: PayloadT, remarks: RemarkColumn) -> PayloadT:
        """The request with the moment at which its table is read, so that it can be repeated."""
        return payload

    def check(self, session: Session, payload: PayloadT, objects: ChosenObjects) -> None:
        """Validate a request before any work starts.

        The type and the features are known to exist.

        Raises
        ------
        BadInput
            If the tool cannot work.
        """

    def dtype(self, payload: PayloadT) -> DTypeLike:
        """Type of the values: smaller than float64 if the tool would round them anyway."""
        return np.float64

    @abstractmethod
    def compute(
        self, payload: PayloadT, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Compute the result, which is the same for the same request.

        Parameters
        ----------
        payload
            The request.
        objects
            The objects.
        values
            Values of the payload's features, in their order.
        progress
            Called as the work progresses.

        Raises
        ------
        BadInput
            If the result cannot be computed from the values.
        """


def check_objects(session: Session, objects: ChosenObjects, numbers: Collection[int]) -> None:
    """Check that objects that a payload names exist and are of the chosen type.

    Raises
    ------
    BadInput
        If one does not, or is of another type.
    """
    wanted = sorted(set(numbers))
    found: dict[int, int] = {}
    for start in range(0, len(wanted), _IDS_PER_QUERY):
        rows = session.execute(
            select(Mapobject.id, Mapobject.mapobject_type_id).where(
                Mapobject.experiment_id == objects.experiment_id,
                Mapobject.id.in_(wanted[start : start + _IDS_PER_QUERY]),
            )
        )
        found |= dict(rows.all())
    for number in wanted:
        if number not in found:
            raise BadInput(f"There is no object {number} in the experiment: leave it out.")
        if found[number] != objects.type_id:
            other = session.get_one(MapobjectType, found[number]).name
            raise BadInput(
                f'Object {number} is one of "{other}", not of "{objects.type_name}": leave it out.'
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn compute in one thread.

    Sums are reproducible then, and workflows keep the other cores.
    """
    import sklearn  # noqa: F401 - it must be loaded before it can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def in_batches(
    predict: Callable[[NDArray[np.float64]], NDArray[Any]],
    matrix: NDArray[np.float64],
    progress: Progress,
    *,
    size: int = 100_000,
) -> NDArray[Any]:
    """Predict objects in batches that need little memory; the result has n rows."""
    found = []
    for start in range(0, len(matrix), size):
        found.append(predict(matrix[start : start + size]))
        progress(min(1.0, (start + size) / len(matrix)))
    return np.concatenate(found)


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Report the progress of a part of the work, from `start` to `end` of the whole."""
    return lambda done: progress(start + done * (end - start))


def some_of(matrix: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Choose at most this many rows at random, in their order."""
    if len(matrix) <= most:
        return matrix
    random = np.random.default_rng(SEED)
    return matrix[np.sort(random.choice(len(matrix), most, replace=False))]
