"""What a tool is: what it takes, what can be wrong with that, and what it finds out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from tmlib.tools.labels import Labels
from tmlib.tools.plots import Figure
from tmlib.tools.values import Values

SEED = 0
"""Where chance begins, so that a tool finds the same every time."""

_BATCH = 100_000


class Part(BaseModel):
    """A part of a payload; what it does not know is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Payload(Part):
    """What a tool is asked to do with the objects of one type."""

    chosen_object_type: str = Field(
        pattern=r"^[^\x00]{1,255}$", description="Name of the mapobject type."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features whose values are needed."""
        raise NotImplementedError


class FeaturesPayload(Payload):
    """Which features count."""

    selected_features: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Names of the features."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The selected features, each once."""
        return tuple(dict.fromkeys(self.selected_features))


PayloadT = TypeVar("PayloadT", bound=Payload)


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
        How many there are.
    """

    experiment_id: int
    type_id: int
    type_name: str
    feature_ids: Mapping[str, int]
    n_objects: int


@dataclass(frozen=True)
class Finding:
    """What a tool has found out: ``type`` says how it is to be shown."""

    type: str
    attributes: dict[str, Any]
    labels: Labels
    plots: Sequence[Figure] = ()


class Tool(ABC, Generic[PayloadT]):
    """A tool; subclasses say what it does."""

    name: ClassVar[str]
    icon: ClassVar[str]
    description: ClassVar[str]
    methods: ClassVar[tuple[str, ...]] = ()
    payload_type: type[PayloadT]

    def check(self, session: Session, payload: PayloadT, objects: ChosenObjects) -> None:
        """Find out what must go wrong, before any work starts.

        That type and features exist has been checked.

        Raises
        ------
        BadInput
            If it cannot work.
        """

    @abstractmethod
    def compute(self, payload: PayloadT, objects: ChosenObjects, values: Values) -> Finding:
        """Do the work; the same request gives the same result.

        Parameters
        ----------
        payload
            What is asked for.
        objects
            Which objects are meant.
        values
            Of the payload's features, in their order.

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
    predict: Callable[[NDArray[np.float64]], NDArray[Any]], matrix: NDArray[np.float64]
) -> NDArray[Any]:
    """Predict so many objects at a time that memory does not matter; the result has shape (n,)."""
    return np.concatenate(
        [predict(matrix[start : start + _BATCH]) for start in range(0, len(matrix), _BATCH)]
    )
