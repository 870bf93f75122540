"""Plate normalisation: feature values that can be compared between plates."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.tools import plots
from tmlib.tools.base import ChosenObjects, Finding, Progress, Tool
from tmlib.tools.labels import Labels
from tmlib.tools.payloads import AS_CONTROLS, MAX_LISTED, ControlWells, FeaturesPayload, Part
from tmlib.tools.plates.plate_statistics import MAD_TO_SD, aggregate, median_polish
from tmlib.tools.plates.wells import WellGroups
from tmlib.tools.values import Values

Array = NDArray[np.float64]

_ROUNDING = 1e-12


class _FromWells(Part):
    control_wells: ControlWells = Field(
        default=(),
        max_length=MAX_LISTED,
        description="Wells whose objects are the standard; all objects of the plate by default.",
        json_schema_extra=AS_CONTROLS,
    )


class ZScoreOptions(_FromWells):
    """Distance from the plate's mean in standard deviations: (x - mean) / sd."""

    method: Literal["zscore"]


class RobustZScoreOptions(_FromWells):
    """Distance from the plate's median in median absolute deviations: (x - median) / mad.

    The deviation is multiplied by 1.4826, with which it is the standard deviation of values that
    are normally distributed.
    """

    method: Literal["robust_zscore"]


class BScoreOptions(Part):
    """What is left of rows and columns of the plate, in median absolute deviations.

    Effects of the place on the plate are found in the medians of wells by median polish (Brideau
    and others 2003, Journal of Biomolecular Screening 8, 634-647).
    """

    method: Literal["bscore"]


class NormalisationPayload(FeaturesPayload):
    """Which features count, and how to make them comparable."""

    options: ZScoreOptions | RobustZScoreOptions | BScoreOptions = Field(discriminator="method")


class Normalisation(Tool[NormalisationPayload]):
    """Labels objects with the normalised value of the first feature; all are further columns."""

    name = "Normalisation"
    icon = "NRM"
    description = "Makes feature values of different plates comparable."
    methods = ("zscore", "robust_zscore", "bscore")
    needs_wells = True
    payload_type = NormalisationPayload

    def check(
        self, session: Session, payload: NormalisationPayload, objects: ChosenObjects
    ) -> None:
        """Check that every plate has control wells, if any are given."""
        options = payload.options
        if options.method != "bscore" and options.control_wells:
            objects.layout.check_controls(options.control_wells, 1)

    def compute(
        self,
        payload: NormalisationPayload,
        objects: ChosenObjects,
        values: Values,
        progress: Progress,
    ) -> Finding:
        """Normalise each feature on each plate and at each time point by itself."""
        complete = values.complete()
        groups = WellGroups.of(objects.layout, complete.site_ids, complete.tpoints)
        options = payload.options
        columns = {}
        if options.method == "bscore":
            scores, well_scores = b_scores(complete.matrix, groups)
            columns = {
                f"bscore({name})": column
                for name, column in zip(payload.features, well_scores.T, strict=True)
            }
        else:
            controls = options.control_wells
            is_standard = (
                objects.layout.are_chosen(controls)[groups.wells][groups.of_object]
                if controls
                else np.ones(len(complete.matrix), dtype=bool)
            )
            scores = z_scores(
                complete.matrix, groups, is_standard, is_robust=options.method == "robust_zscore"
            )
        progress(0.8)
        medians = aggregate(scores, groups.of_object, len(groups), "median")
        columns |= {
            f"median({name})": column
            for name, column in zip(payload.features, medians.T, strict=True)
        }
        return _finding(payload, values, complete, groups, scores, columns)


def z_scores(
    matrix: Array, groups: WellGroups, is_standard: NDArray[np.bool_], *, is_robust: bool
) -> Array:
    """Scores (n, p) of objects on their plate.

    Parameters
    ----------
    matrix
        Values (n, p).
    groups
        Wells of the objects.
    is_standard
        Objects (n,) that define the centre and spread.
    is_robust
        Use median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    ndarray
        nan where the standard does not vary, or where a plate has none.
    """
    plate_of_object = groups.plates[groups.of_object]
    n_plates = int(groups.plates.max()) + 1
    standard, plates = matrix[is_standard], plate_of_object[is_standard]
    center, spread = (
        aggregate(standard, plates, n_plates, statistic)
        for statistic in (("median", "mad") if is_robust else ("mean", "std"))
    )
    return (matrix - center[plate_of_object]) / _varying(spread, center)[plate_of_object]


def b_scores(matrix: Array, groups: WellGroups) -> tuple[Array, Array]:
    """B-scores of objects (n, p) and of wells (g, p).

    A well's score is the residual of the median of its objects after median polish of the plate,
    divided by the median absolute deviation of all residuals of the plate. Objects are corrected
    for the same effects, and divided by the deviation among the plate's objects. nan where nothing
    varies.
    """
    medians = aggregate(matrix, groups.of_object, len(groups), "median")
    fitted = np.empty_like(medians)
    well_scores = np.empty_like(medians)
    wells = groups.described
    rows = np.array([well.row for well in wells])
    columns = np.array([well.column for well in wells])
    for plate in range(int(groups.plates.max()) + 1):
        chosen = np.flatnonzero(groups.plates == plate)
        for feature in range(matrix.shape[1]):
            grid = np.full((rows[chosen].max() + 1, columns[chosen].max() + 1), np.nan)
            grid[rows[chosen], columns[chosen]] = medians[chosen, feature]
            overall, of_row, of_column = median_polish(grid)
            effects = overall + of_row[rows[chosen]] + of_column[columns[chosen]]
            fitted[chosen, feature] = effects
            residuals = medians[chosen, feature] - effects
            well_scores[chosen, feature] = residuals / _spread(residuals)
    left = matrix - fitted[groups.of_object]
    plate_of_object = groups.plates[groups.of_object]
    spread = aggregate(left, plate_of_object, int(groups.plates.max()) + 1, "mad")
    return left / _varying(spread, 0)[plate_of_object], well_scores


def _varying(spread: Array, center: Array | float) -> Array:
    """The spread, or nan where it is only the rounding error of equal values."""
    return np.where(spread > _ROUNDING * np.abs(center), spread, np.nan)


def _spread(residuals: Array) -> float:
    residuals = residuals[np.isfinite(residuals)]  # wells without objects have none
    if not len(residuals):
        return float("nan")
    deviation = MAD_TO_SD * float(np.median(np.abs(residuals - np.median(residuals))))
    return deviation if deviation > 0 else float("nan")


def _finding(
    payload: NormalisationPayload,
    values: Values,
    complete: Values,
    groups: WellGroups,
    scores: Array,
    columns: dict[str, Array],
) -> Finding:
    has_score = np.asarray(np.isfinite(scores).all(axis=1))
    if not has_score.any():
        raise BadInput(
            "A selected feature has the same value in all objects of each plate, or of its "
            "controls: choose others."
        )
    kept, labels = complete.where(has_score), scores[has_score]
    shown, name = labels[:, 0], payload.features[0]
    first = groups.tpoints == groups.tpoints.min()
    wells = [groups.layout.wells[position] for position in groups.wells[first]]
    return Finding(
        type="ContinuousToolResult",
        attributes={
            "min": float(shown.min()),
            "max": float(shown.max()),
            "method": payload.options.method,
            "columns": list(payload.features),
            "n_without_score": int(np.count_nonzero(~has_score)),
            **values.counts(),
        },
        labels=Labels(
            kept.mapobject_ids,
            kept.tpoints,
            shown,
            columns=dict(zip(payload.features, labels.T, strict=True)),
        ),
        plots=[
            plots.histogram(shown, f"{name}, {payload.options.method}"),
            *plots.plates(columns[f"median({name})"][first], wells, f"median({name})"),
        ],
        wells=groups.table(columns),
    )
