"""What a tool is: what it takes, what can be wrong with that, and what it finds out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sqlalchemy.orm import Session

from tmlib.tools.labels import Labels
from tmlib.tools.learning.trained_models import TrainedModel
from tmlib.tools.models import ToolModel
from tmlib.tools.payloads import Payload
from tmlib.tools.plates.wells import Layout
from tmlib.tools.plots import Figure
from tmlib.tools.values import Values

SEED = 0
"""Where chance begins, so that a tool finds the same every time."""

UNKNOWN_MODEL = "There is no such model, or it is not shared with you: choose another one."

MAX_COUNTED = 10_000
"""No tool asks for more objects, so no more are counted before the work starts."""

PayloadT = TypeVar("PayloadT", bound=Payload)

Progress = Callable[[float], None]
"""Told how much of the work is done, from 0 to 1."""


@dataclass(frozen=True)
class ChosenObjects:
    """What is known about the objects before any value is read.

    Attributes
    ----------
    experiment_id, type_id, type_name
        Which objects.
    feature_ids
        Numbers of the features that are needed, by name.
    n_objects
        How many there are, counted up to `MAX_COUNTED`.
    layout
        Wells of their sites, for a tool that ``needs_wells``.
    model_file
        Of the model that is applied, if one is.
    """

    experiment_id: int
    type_id: int
    type_name: str
    feature_ids: Mapping[str, int]
    n_objects: int
    layout: Layout
    model_file: Path | None = None


@dataclass(frozen=True)
class Finding:
    """What a tool has found out.

    Attributes
    ----------
    type
        Says how it is to be shown.
    attributes
        Whatever there is to know: JSON.
    labels
        Of the objects.
    plots
        Figures.
    wells
        A table with a row per well (``pyarrow.Table``), of a tool that looks at wells.
    model
        What was trained.
    """

    type: str
    attributes: dict[str, Any]
    labels: Labels
    plots: Sequence[Figure] = ()
    wells: Any = None
    model: TrainedModel | None = None


class Tool(ABC, Generic[PayloadT]):
    """A tool; subclasses say what it does.

    ``version`` counts changes of what it finds out. ``needs_wells`` says that it must be told where
    the objects are on the plates, ``takes_incomplete`` that it is given objects that lack a value
    of some feature; other tools are told only how many these are.
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
        """The trained model that is applied; its features are needed then.

        Raises
        ------
        BadInput
            If there is no such model.
        """
        return None

    def check(self, session: Session, payload: PayloadT, objects: ChosenObjects) -> None:
        """Find out what must go wrong, before any work starts.

        That type and features exist has been checked.

        Raises
        ------
        BadInput
            If it cannot work.
        """

    def dtype(self, payload: PayloadT) -> DTypeLike:
        """Type of the values that it wants: smaller than float64 if it would round them anyway."""
        return np.float64

    @abstractmethod
    def compute(
        self, payload: PayloadT, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Do the work; the same request gives the same result.

        Parameters
        ----------
        payload
            What is asked for.
        objects
            Which objects are meant.
        values
            Of the payload's features, in their order.
        progress
            To be told how much is done.

        Raises
        ------
        BadInput
            If the values do not allow it.
        """


@contextmanager
def one_thread() -> Iterator[None]:
    """Let scikit-learn compute in one thread.

    Sums come out the same every time then, and workflows keep the other cores.
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
    """Predict so many objects at a time that memory does not matter; the result has n rows."""
    found = []
    for start in range(0, len(matrix), size):
        found.append(predict(matrix[start : start + size]))
        progress(min(1.0, (start + size) / len(matrix)))
    return np.concatenate(found)


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Tells `progress` of a part of the work, which goes from `start` to `end`."""
    return lambda done: progress(start + done * (end - start))


def some_of(matrix: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most so many rows, chosen by chance and in their order."""
    if len(matrix) <= most:
        return matrix
    random = np.random.default_rng(SEED)
    return matrix[np.sort(random.choice(len(matrix), most, replace=False))]
