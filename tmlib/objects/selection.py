"""Selecting objects by plate, well, site and time point."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.objects.models import MapobjectType, SegmentationLayer


@dataclass(frozen=True)
class Selection:
    """A part of an experiment; fields that are None do not restrict it."""

    plate_name: str | None = None
    well_name: str | None = None
    well_pos_y: int | None = None
    well_pos_x: int | None = None
    tpoint: int | None = None

    @property
    def covers_all_sites(self) -> bool:
        """Whether no plate, well or site was chosen."""
        return (self.plate_name, self.well_name, self.well_pos_y, self.well_pos_x) == (None,) * 4


EVERYTHING = Selection()


def check_selection(
    session: Session, mapobject_type: MapobjectType, selection: Selection
) -> frozenset[int] | None:
    """The selected sites, or None if all are selected.

    Raises
    ------
    NotFound
        If the experiment has no such plate, well, site or time point.
    BadInput
        If the selection is smaller than what contains the objects of the type.
    """
    _check_ref_type(mapobject_type.ref_type, selection)
    if selection.tpoint is not None and not mapobject_type.is_static:
        layers = SegmentationLayer
        known = select(layers.id).where(
            layers.mapobject_type_id == mapobject_type.id, layers.tpoint == selection.tpoint
        )
        if session.scalar(known.limit(1)) is None:
            raise NotFound(
                f'There are no "{mapobject_type.name}" at time point {selection.tpoint}.'
            )
    if selection.covers_all_sites:
        return None
    sites = session.scalars(selected_sites(mapobject_type.experiment_id, selection)).all()
    if not sites:
        raise NotFound(_what_is_missing(session, mapobject_type.experiment_id, selection))
    return frozenset(sites)


def selected_sites(experiment_id: int, selection: Selection) -> Select[int]:
    """Query for the ids of the selected sites."""
    return (
        select(Site.id)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(Site.experiment_id == experiment_id, *conditions(selection))
    )


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """Conditions on plate, well and site, for a query that joins these."""
    wanted = {
        Plate.name: selection.plate_name,
        Well.name: selection.well_name,
        Site.y: selection.well_pos_y,
        Site.x: selection.well_pos_x,
    }
    return [column == value for column, value in wanted.items() if value is not None]


def file_name(
    session: Session, mapobject_type: MapobjectType, selection: Selection, content: str
) -> str:
    """Name of a file for a selection, which ends with its content: ``feature-values.csv``."""
    experiment = session.scalars(
        select(Experiment.name).where(Experiment.id == mapobject_type.experiment_id)
    ).one()
    parts = [experiment]
    parts += [name for name in (selection.plate_name, selection.well_name) if name is not None]
    numbers = {"y": selection.well_pos_y, "x": selection.well_pos_x, "t": selection.tpoint}
    parts += [f"{letter}{number}" for letter, number in numbers.items() if number is not None]
    return "_".join([*parts, mapobject_type.name, content])


def _check_ref_type(ref_type: str, selection: Selection) -> None:
    too_small = {
        "Plate": ("well_name", "well_pos_y", "well_pos_x"),
        "Well": ("well_pos_y", "well_pos_x"),
        "Site": (),
    }[ref_type]
    for name in too_small:
        if getattr(selection, name) is not None:
            raise BadInput(
                f'Invalid query parameter "{name}": objects of this type lie in a '
                f"{ref_type.lower()}, so leave it out."
            )


def _what_is_missing(session: Session, experiment_id: int, selection: Selection) -> str:
    by_plate = Selection(plate_name=selection.plate_name)
    by_well = Selection(plate_name=selection.plate_name, well_name=selection.well_name)
    if session.scalar(selected_sites(experiment_id, by_plate).limit(1)) is None:
        return f'There is no plate "{selection.plate_name}" with images in the experiment.'
    if session.scalar(selected_sites(experiment_id, by_well).limit(1)) is None:
        return f'There is no well "{selection.well_name}" with images on the plate.'
    place = {"y": selection.well_pos_y, "x": selection.well_pos_x}
    given = ", ".join(f"{axis}={value}" for axis, value in place.items() if value is not None)
    return f"There is no site at {given} in the selected wells."
