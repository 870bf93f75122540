"""Comparing two results by the labels of the same objects."""

from typing import NamedTuple

import pandas as pd

from tmlib.errors import BadInput
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult


class Agreement(NamedTuple):
    """Number of objects with this pair of labels."""

    label: str
    other_label: str
    n_objects: int


def compare(storage: ExperimentStorage, one: ToolResult, other: ToolResult) -> list[Agreement]:
    """Count the pairs of labels that objects have in two results, by time point.

    Objects that have a label in only one of them are not counted.

    Returns
    -------
    list of Agreement
        Pairs that occur, in the order of the labels.

    Raises
    ------
    BadInput
        If the results are about objects of different types, or their labels are numbers.
    """
    if one.mapobject_type_id != other.mapobject_type_id:
        raise BadInput("The two results are about objects of different types: compare others.")
    keys = ["tpoint", "mapobject_id"]
    both = _classes(storage, one).merge(
        _classes(storage, other), on=keys, suffixes=("", "_other"), validate="one_to_one"
    )
    counts = both.groupby(["label", "label_other"], observed=True).size().reset_index()
    return [
        Agreement(str(label), str(other_label), int(n_objects))
        for label, other_label, n_objects in counts.itertuples(index=False, name=None)
    ]


def _classes(storage: ExperimentStorage, result: ToolResult) -> pd.DataFrame:
    frame: pd.DataFrame = labels.read(storage.root / result.path).to_pandas()
    if not isinstance(frame["label"].dtype, pd.CategoricalDtype):
        raise BadInput(
            f'The labels of "{result.name}" are numbers: only results with classes are compared.'
        )
    return frame
