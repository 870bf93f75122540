"""Heatmap: objects in the colour of a feature's value."""

from typing import Any

import numpy as np
from pydantic import Field

from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Payload, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.values import Values


class HeatmapPayload(Payload):
    """Which feature to show."""

    selected_feature: str = Field(min_length=1, description="Name of the feature.")

    @property
    def features(self) -> tuple[str, ...]:
        """The one feature."""
        return (self.selected_feature,)


class Heatmap(Tool[HeatmapPayload]):
    """Labels objects with the value of one feature."""

    name = "Heatmap"
    icon = "HMP"
    description = "Colours objects by the value of a feature."
    payload_type = HeatmapPayload

    def compute(self, payload: HeatmapPayload, objects: ChosenObjects, values: Values) -> Finding:
        """Take the values as they are."""
        complete = values.complete()
        labels = complete.matrix[:, 0]
        attributes: dict[str, Any] = {
            "feature_id": objects.feature_ids[payload.selected_feature],
            "min": float(np.min(labels)),
            "max": float(np.max(labels)),
            **values.counts(),
        }
        return Finding(
            type="HeatmapToolResult",
            attributes=attributes,
            labels=Labels(complete.mapobject_ids, complete.tpoints, labels),
            plots=[plots.histogram(labels, payload.selected_feature)],
        )
