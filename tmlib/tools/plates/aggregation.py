"""Aggregation: feature values of all objects of a well are reduced to one number."""

from typing import Literal

import numpy as np
from pydantic import Field

from tmlib.errors import BadInput
from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import FeaturesPayload
from tmlib.tools.plates.plate_statistics import aggregate
from tmlib.tools.plates.wells import WellGroups
from tmlib.tools.values import Values

Statistic = Literal["mean", "median", "std", "mad", "min", "max", "sum", "count"]


class AggregationPayload(FeaturesPayload):
    """Which features count, and what is computed of them."""

    statistics: tuple[Statistic, ...] = Field(
        default=("median",),
        min_length=1,
        max_length=8,
        description="What is computed of the objects of a well.",
    )


class Aggregation(Tool[AggregationPayload]):
    """Labels objects with the first statistic of the first feature of their well."""

    name = "Aggregation"
    icon = "AGG"
    description = "Computes one number of each feature for every well."
    needs_wells = True
    takes_incomplete = True
    payload_type = AggregationPayload

    def compute(
        self,
        payload: AggregationPayload,
        objects: ChosenObjects,
        values: Values,
        progress: Progress,
    ) -> Finding:
        """Compute each statistic from all values of a feature, even if other features lack some."""
        finite = np.where(np.isfinite(values.matrix), values.matrix, np.nan)
        groups = WellGroups.of(objects.layout, values.site_ids, values.tpoints)
        columns = {}
        statistics = tuple(dict.fromkeys(payload.statistics))
        for done, statistic in enumerate(statistics, start=1):
            found = aggregate(finite, groups.of_object, len(groups), statistic)
            for name, column in zip(payload.features, found.T, strict=True):
                columns[f"{statistic}({name})"] = column
            progress(done / len(statistics))
        name = f"{statistics[0]}({payload.features[0]})"
        shown = columns[name]
        if not np.isfinite(shown).any():
            raise BadInput(
                f'No object has a value of the feature "{payload.features[0]}": choose another one.'
            )
        labels = shown[groups.of_object]
        has_label = np.isfinite(labels)
        return Finding(
            type="ContinuousToolResult",
            attributes={
                "min": float(np.nanmin(shown)),
                "max": float(np.nanmax(shown)),
                "shown": name,
                "n_wells": len(groups),
                **values.counts(),
            },
            labels=Labels(
                values.mapobject_ids[has_label], values.tpoints[has_label], labels[has_label]
            ),
            plots=_figures(groups, shown, name),
            wells=groups.table(columns),
        )


def _figures(groups: WellGroups, shown: plots.Array, name: str) -> list[plots.Figure]:
    """The plates at the first time point, and the distribution over wells."""
    is_first = groups.tpoints == groups.tpoints.min()
    wells = [groups.layout.wells[position] for position in groups.wells[is_first]]
    return [
        *plots.plates(shown[is_first], wells, name),
        plots.histogram(shown[np.isfinite(shown)], name, "number of wells"),
    ]
