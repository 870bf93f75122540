"""Heatmap: objects coloured by the value of a feature."""

import numpy as np

from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import FeaturePayload
from tmlib.tools.values import Values


class HeatmapPayload(FeaturePayload):
    """Which feature to show."""


class Heatmap(Tool[HeatmapPayload]):
    """Labels objects with the value of one feature."""

    name = "Heatmap"
    icon = "HMP"
    description = "Colours objects by the value of a feature."
    payload_type = HeatmapPayload

    def compute(
        self, payload: HeatmapPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Use the values as labels."""
        complete = values.complete()
        labels = complete.matrix[:, 0]
        return Finding(
            type="HeatmapToolResult",
            attributes={
                "feature_id": objects.feature_ids[payload.selected_feature],
                "min": float(np.min(labels)),
                "max": float(np.max(labels)),
                **values.counts(),
            },
            labels=Labels(complete.mapobject_ids, complete.tpoints, labels),
            plots=[plots.histogram(labels, payload.selected_feature)],
        )
