"""Gating: the objects that lie within outlines drawn in scatter plots of two features."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import Color, FeatureName, Part, Payload
from tmlib.tools.values import Values

_MAX_GATES = 50
_MAX_VERTICES = 1000
_LABELS = ("0", "1")
_OUTSIDE_COLOR = "#7f7f7f"

Number = Annotated[float, Field(allow_inf_nan=False)]


class Rectangle(Part):
    """Everything between two bounds of each feature, the bounds included."""

    kind: Literal["rectangle"]
    x_min: Number
    x_max: Number
    y_min: Number
    y_max: Number

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.x_min > self.x_max or self.y_min > self.y_max:
            raise ValueError("the lower bound of a rectangle is above the upper one")
        return self

    def outline(self) -> NDArray[np.float64]:
        """Corners as (x, y), shape (4, 2)."""
        x, y = (self.x_min, self.x_max), (self.y_min, self.y_max)
        return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])])

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (n,) lie inside."""
        return (x >= self.x_min) & (x <= self.x_max) & (y >= self.y_min) & (y <= self.y_max)


class Polygon(Part):
    """Everything within an outline, whatever the direction in which it is drawn."""

    kind: Literal["polygon"]
    vertices: tuple[tuple[Number, Number], ...] = Field(
        min_length=3, max_length=_MAX_VERTICES, description="Corners (x, y) in order."
    )

    def outline(self) -> NDArray[np.float64]:
        """Corners as (x, y), shape (v, 2)."""
        return np.array(self.vertices)

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (n,) lie within: those from which a ray crosses the outline an odd number
        of times (Shimrat 1962). Where an outline crosses itself, what it goes around twice is out.
        """
        is_inside = np.zeros(len(x), dtype=bool)
        corners = self.outline()
        for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y1 == y2:
                continue
            crosses = ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
            is_inside ^= crosses
        return is_inside


class Gate(Part):
    """An outline in the scatter plot of two features."""

    name: str = Field(min_length=1, max_length=255, description="What it is called.")
    x_feature: FeatureName = Field(description="Feature to the right.")
    y_feature: FeatureName = Field(description="Feature upwards.")
    shape: Rectangle | Polygon = Field(discriminator="kind")
    is_inverted: bool = Field(default=False, description="Takes what lies outside.")

    def contains(self, values: Values) -> NDArray[np.bool_]:
        """Which objects (n,) lie inside the gate."""
        x, y = (
            values.matrix[:, values.features.index(name)]
            for name in (self.x_feature, self.y_feature)
        )
        return self.shape.contains(x, y) ^ self.is_inverted


class GatingPayload(Payload):
    """The gates, and how they are combined."""

    gates: tuple[Gate, ...] = Field(
        min_length=1,
        max_length=_MAX_GATES,
        description="Outlines in scatter plots.",
        json_schema_extra={"format": "gates"},
    )
    combination: Literal["and", "or"] = Field(
        default="and", description="Whether all gates must take an object, or one of them."
    )
    population: str = Field(
        default="inside", min_length=1, max_length=255, description="Name of what is taken."
    )
    color: Color = Field(
        default="#e4572e", title="Colour", description="Colour to show it in, #rrggbb."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """Features of all gates."""
        names = [name for gate in self.gates for name in (gate.x_feature, gate.y_feature)]
        return tuple(dict.fromkeys(names))


class Gating(Tool[GatingPayload]):
    """Labels objects that the gates select with 1, all others with 0."""

    name = "Gating"
    icon = "GAT"
    description = "Takes the objects within outlines in scatter plots of two features."
    payload_type = GatingPayload

    def compute(
        self, payload: GatingPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Evaluate each gate and combine the results."""
        complete = values.complete()
        taken = np.array([gate.contains(complete) for gate in payload.gates])
        chosen = taken.all(axis=0) if payload.combination == "and" else taken.any(axis=0)
        codes = np.asarray(chosen, dtype=np.int64)
        counts = np.bincount(codes, minlength=2).tolist()
        return Finding(
            type="ScalarToolResult",
            attributes={
                "unique_labels": [0, 1],
                "label_map": {
                    "0": {"name": "outside", "color": _OUTSIDE_COLOR},
                    "1": {"name": payload.population, "color": payload.color},
                },
                "counts": dict(zip(_LABELS, counts, strict=True)),
                "counts_of_gates": [
                    {"name": gate.name, "n_objects": int(one.sum())}
                    for gate, one in zip(payload.gates, taken, strict=True)
                ],
                **values.counts(),
            },
            labels=Labels(complete.mapobject_ids, complete.tpoints, codes, _LABELS),
            plots=_figures(payload.gates, complete),
        )


def _figures(gates: tuple[Gate, ...], values: Values) -> list[plots.Figure]:
    """A scatter plot for each pair of features, with its gates."""
    pairs: dict[tuple[str, str], dict[str, NDArray[np.float64]]] = {}
    for gate in gates:
        outlines = pairs.setdefault((gate.x_feature, gate.y_feature), {})
        outlines[gate.name] = gate.shape.outline()
    columns = dict(zip(values.features, values.matrix.T, strict=True))
    return [
        plots.gates(columns[names[0]], columns[names[1]], names, outlines)
        for names, outlines in pairs.items()
    ]
