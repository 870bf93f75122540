"""Hit list: wells that differ from the negative controls, and the quality of the assay."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import AS_CONTROLS, MAX_LISTED, ControlWells, FeaturePayload
from tmlib.tools.plates.plate_statistics import aggregate, ssmd_of_groups, ssmd_of_wells, z_prime
from tmlib.tools.plates.wells import WellGroups
from tmlib.tools.values import Values

LEAST_CONTROLS = 2
"""Least number of wells of each kind per plate, from which their variation is estimated."""

_MAX_HITS = 100

Array = NDArray[np.float64]


class HitListPayload(FeaturePayload):
    """Which feature counts, which wells are controls, and how much a hit differs from them."""

    negative_controls: ControlWells = Field(
        min_length=1,
        max_length=MAX_LISTED,
        description="Wells where nothing is to happen: untreated, or with the solvent alone.",
        json_schema_extra=AS_CONTROLS,
    )
    positive_controls: ControlWells = Field(
        min_length=1,
        max_length=MAX_LISTED,
        description="Wells where the effect that is looked for is known to happen.",
        json_schema_extra=AS_CONTROLS,
    )
    statistic: Literal["median", "mean"] = Field(
        default="median", description="What is computed of the objects of a well."
    )
    threshold: float = Field(
        default=3.0,
        gt=0,
        le=1000,
        description="Strictly standardised mean difference from which on a well is a hit.",
    )
    direction: Literal["both", "up", "down"] = Field(
        default="both", description="Whether hits have higher or lower values than controls."
    )


class HitList(Tool[HitListPayload]):
    """Labels objects with the strictly standardised mean difference of their well."""

    name = "HitList"
    icon = "HIT"
    description = "Finds wells that differ from negative controls."
    needs_wells = True
    payload_type = HitListPayload

    def check(self, session: Session, payload: HitListPayload, objects: ChosenObjects) -> None:
        """Check that every plate has enough controls of each kind, and that none is both."""
        layout = objects.layout
        both = layout.are_chosen(payload.negative_controls) & layout.are_chosen(
            payload.positive_controls
        )
        if both.any():
            name = layout.wells[int(np.argmax(both))].name
            raise BadInput(f'The well "{name}" cannot be a negative and a positive control.')
        for controls in (payload.negative_controls, payload.positive_controls):
            layout.check_controls(controls, LEAST_CONTROLS)

    def compute(
        self, payload: HitListPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Aggregate wells, and compare those of each plate and time point with its controls."""
        complete = values.complete()
        groups = WellGroups.of(objects.layout, complete.site_ids, complete.tpoints)
        wells = aggregate(complete.matrix, groups.of_object, len(groups), payload.statistic)[:, 0]
        progress(0.5)
        found = _compare(payload, groups, wells)
        labels = found.ssmd[groups.of_object]
        has_label = np.isfinite(labels)
        if not has_label.any():
            raise BadInput(
                "The negative controls of each plate have all the same value: choose other wells "
                "or another feature."
            )
        kept = complete.where(has_label)
        return Finding(
            type="ContinuousToolResult",
            attributes={
                "min": float(np.nanmin(found.ssmd)),
                "max": float(np.nanmax(found.ssmd)),
                "plates": found.plates,
                "n_wells": len(groups),
                "n_hits": int(found.is_hit.sum()),
                "hits": _strongest(groups, found),
                **values.counts(),
            },
            labels=Labels(kept.mapobject_ids, kept.tpoints, labels[has_label]),
            plots=_figures(groups, found),
            wells=groups.table(
                {
                    f"{payload.statistic}({payload.selected_feature})": wells,
                    "z_score": found.z_score,
                    "ssmd": found.ssmd,
                    "is_negative_control": found.is_negative,
                    "is_positive_control": found.is_positive,
                    "is_hit": found.is_hit,
                }
            ),
        )


class _Comparison(NamedTuple):
    """Results for the g wells, and for each plate at each time point."""

    z_score: Array
    ssmd: Array
    is_negative: NDArray[np.bool_]
    is_positive: NDArray[np.bool_]
    is_hit: NDArray[np.bool_]
    plates: list[dict[str, Any]]


def _compare(payload: HitListPayload, groups: WellGroups, wells: Array) -> _Comparison:
    is_negative, is_positive = (
        groups.layout.are_chosen(controls)[groups.wells]
        for controls in (payload.negative_controls, payload.positive_controls)
    )
    ssmd, z_score = np.full((2, len(wells)), np.nan)
    quality = []
    for plate in range(int(groups.plates.max()) + 1):
        chosen = groups.plates == plate
        name = groups.layout.wells[groups.wells[int(np.argmax(chosen))]].plate
        has_value = chosen & np.isfinite(wells)
        if not has_value.any():  # no object is left on the plate at this time point
            continue
        negative, positive = wells[has_value & is_negative], wells[has_value & is_positive]
        for kind, controls in (("negative", negative), ("positive", positive)):
            if len(controls) < LEAST_CONTROLS:
                raise BadInput(
                    f'Only {len(controls)} {kind} controls of plate "{name}" have objects with a '
                    f"value, but {LEAST_CONTROLS} are needed: choose more wells."
                )
        ssmd[chosen] = ssmd_of_wells(wells[chosen], negative)
        z_score[chosen] = np.sqrt(2) * ssmd[chosen]
        quality.append(
            {
                "plate": name,
                "tpoint": int(groups.tpoints[int(np.argmax(chosen))]),
                "z_prime": plots.number(z_prime(positive, negative)),
                "ssmd": plots.number(ssmd_of_groups(positive, negative)),
            }
        )
    sizes = {"both": np.abs(ssmd), "up": ssmd, "down": -ssmd}[payload.direction]
    is_hit = (np.nan_to_num(sizes) >= payload.threshold) & ~is_negative & ~is_positive
    return _Comparison(z_score, ssmd, is_negative, is_positive, is_hit, quality)


def _strongest(groups: WellGroups, found: _Comparison) -> list[dict[str, Any]]:
    """The strongest hits; the table of wells has all of them."""
    hits = np.flatnonzero(found.is_hit)
    hits = hits[np.argsort(-np.abs(found.ssmd[hits]), kind="stable")][:_MAX_HITS]
    wells = groups.layout.wells
    return [
        {
            "plate": wells[groups.wells[hit]].plate,
            "well": wells[groups.wells[hit]].name,
            "tpoint": int(groups.tpoints[hit]),
            "ssmd": plots.number(found.ssmd[hit]),
        }
        for hit in hits
    ]


def _figures(groups: WellGroups, found: _Comparison) -> list[plots.Figure]:
    first = groups.tpoints == groups.tpoints.min()
    wells = [groups.layout.wells[position] for position in groups.wells[first]]
    return [
        *plots.plates(found.ssmd[first], wells, "SSMD"),
        plots.histogram(found.ssmd[np.isfinite(found.ssmd)], "SSMD", "number of wells"),
    ]
