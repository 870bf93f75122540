"""Examples of classes that a classifier learns from: given one by one, or by a table of remarks."""

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tmlib.errors import BadInput
from tmlib.tools.learning.trained_models import MAX_CLASSES
from tmlib.tools.payloads import Color, ObjectNumber, Part
from tmlib.tools.remarks import Remarks
from tmlib.tools.values import Values

_COLORS = ("#56b4e9", "#e69f00", "#00c49a", "#cc79a7", "#f0e442", "#d55e00")
_GOLDEN = 0.618034  # hues that are this far apart never come close to earlier ones
_LONGEST_NAME = 255


class TrainingClass(Part):
    """A class with example objects."""

    name: str = Field(min_length=1, max_length=255)
    object_ids: tuple[ObjectNumber, ...] = Field(
        description="Numbers of the objects, as in tiles and tables.",
        json_schema_extra={"format": "mapobjects"},
    )
    color: Color = Field(description="Colour to show it in, #rrggbb.")


@dataclass(frozen=True)
class Examples:
    """Objects of k classes.

    Attributes
    ----------
    names, colors
        Of the classes, k each.
    object_ids
        The objects, each once, ascending; shape (m,).
    codes
        The class of each, shape (m,).
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]
    object_ids: NDArray[np.int64]
    codes: NDArray[np.int64]

    @classmethod
    def given(cls, classes: Sequence[TrainingClass]) -> "Examples":
        """Those that somebody has named.

        Raises
        ------
        BadInput
            If a class or an object is named twice.
        """
        _refuse_repeated("class", [one.name for one in classes])
        _refuse_repeated(
            "object", [number for one in classes for number in dict.fromkeys(one.object_ids)]
        )
        sizes = [len(one.object_ids) for one in classes]
        numbers = [number for one in classes for number in one.object_ids]
        ids, first = np.unique(np.array(numbers, np.int64), return_index=True)
        codes = np.repeat(np.arange(len(classes)), sizes)[first]
        return cls(
            tuple(one.name for one in classes), tuple(one.color for one in classes), ids, codes
        )

    @classmethod
    def remarked(cls, remarks: Remarks) -> "Examples":
        """Those that a table tells: a class for each answer, in the order of these.

        Raises
        ------
        BadInput
            If rows contradict each other, or an answer cannot be the name of a class.
        """
        remarks.check_agreement()
        if len(remarks.texts) > MAX_CLASSES:
            raise BadInput(
                f'The column "{remarks.of.column}" has {len(remarks.texts)} different answers, and '
                f"{MAX_CLASSES} are the most classes: use a column with fewer."
            )
        for text in remarks.texts:
            if len(text) > _LONGEST_NAME:
                raise BadInput(
                    f'The answer "{text[:30]}..." is longer than the name of a class may be, '
                    f"{_LONGEST_NAME} letters: use a column with shorter ones."
                )
        ids, first = np.unique(remarks.mapobject_ids, return_index=True)
        codes = remarks.answers[first].astype(np.int64)
        return cls(remarks.texts, tuple(map(_color, range(len(remarks.texts)))), ids, codes)

    def sizes(self) -> list[int]:
        """How many objects each class has."""
        sizes: list[int] = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return sizes

    def among(self, values: Values) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of n objects are examples, shape (n,), and the class of each that is one."""
        is_example = np.isin(values.mapobject_ids, self.object_ids)
        places = np.searchsorted(self.object_ids, values.mapobject_ids[is_example])
        return is_example, self.codes[places]


def _refuse_repeated(what: str, items: Sequence[str | int]) -> None:
    repeated = [item for item, count in Counter(items).items() if count > 1]
    if repeated:
        raise BadInput(f'The {what} "{repeated[0]}" is given twice: give it once.')


def _color(number: int) -> str:
    """The colour of a class for which nobody has chosen one."""
    if number < len(_COLORS):
        return _COLORS[number]
    parts = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.65, 0.9)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
