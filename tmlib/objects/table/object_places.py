"""Positions of the objects of a table: plate, well and site, border and centre."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db.spatial import in_box
from tmlib.digests import digest_of
from tmlib.errors import Conflict
from tmlib.experiments.conditions import Condition, conditions_of
from tmlib.experiments.models import Plate, Site, Well
from tmlib.objects.models import MapobjectSegmentation, MapobjectType, SegmentationLayer
from tmlib.objects.table.columns import ColumnValues, ValueType

_ROWS = 100_000


@dataclass(frozen=True)
class Place:
    """One property of plates, wells or sites, the name of the well for example.

    Attributes
    ----------
    ref_ids
        Numbers of the m plates, wells or sites in ascending order, shape (m,).
    numbers
        The property of each, shape (m,): int32, whole numbers or indices into `texts`, or float64.
        Whole numbers below 0, and nan, are missing.
    texts
        In alphabetical order.
    """

    ref_ids: NDArray[np.int32]
    numbers: NDArray[Any]
    texts: tuple[str, ...] | None

    @property
    def type(self) -> ValueType:
        """Type of the column."""
        if self.texts is not None:
            return "text"
        return "float" if self.numbers.dtype.kind == "f" else "integer"

    @property
    def digest(self) -> str:
        """A digest of all properties."""
        content = self.ref_ids.tobytes() + self.numbers.tobytes() + repr(self.texts).encode()
        return digest_of(content, 24)

    def values(self, ref_ids: NDArray[np.int32]) -> ColumnValues:
        """Values for objects; missing if the place was deleted since."""
        missing = np.nan if self.numbers.dtype.kind == "f" else -1
        if not len(self.ref_ids):
            return ColumnValues(np.full(len(ref_ids), missing, self.numbers.dtype), self.texts)
        # ids of sites in one experiment are close together, so a look-up table of them is small
        first = self.ref_ids[0] - 1
        known = np.full(self.ref_ids[-1] - first + 2, missing, self.numbers.dtype)
        known[self.ref_ids - first] = self.numbers
        return ColumnValues(known[np.clip(ref_ids - first, 0, len(known) - 1)], self.texts)

    def equals(self, ref_ids: NDArray[np.int32], wanted: int | str) -> NDArray[np.bool_]:
        """Which objects have this value."""
        number = wanted
        if self.texts is not None:
            number = self.texts.index(str(wanted)) if wanted in self.texts else -2
        return np.asarray(self.values(ref_ids).numbers == number)


def places_of(session: Session, mapobject_type: MapobjectType) -> dict[str, Place]:
    """Properties of the plates, wells or sites that contain objects of a type, by column."""
    columns: dict[str, Any] = {"plate_name": Plate.name}
    match mapobject_type.ref_type:
        case "Plate":
            query = select(Plate.id, *columns.values())
        case "Well":
            columns["well_name"] = Well.name
            query = select(Well.id, *columns.values(), Well.id)
            query = query.join(Plate, Plate.id == Well.plate_id)
        case _:
            columns |= {"well_name": Well.name, "well_pos_y": Site.y, "well_pos_x": Site.x}
            query = select(Site.id, *columns.values(), Site.well_id)
            query = query.join(Well, Well.id == Site.well_id)
            query = query.join(Plate, Plate.id == Well.plate_id)
    rows = session.execute(
        query.where(Plate.experiment_id == mapobject_type.experiment_id).order_by(
            query.selected_columns[0]
        )
    ).all()
    ref_ids = np.array([row[0] for row in rows], np.int32)
    places = {
        name: _place(ref_ids, [row[position] for row in rows], is_text=name.endswith("_name"))
        for position, name in enumerate(columns, start=1)
    }
    if mapobject_type.ref_type == "Plate":
        return places
    well_ids = np.array([row[-1] for row in rows], np.int32)
    conditions = conditions_of_wells(session, mapobject_type.experiment_id)
    return places | _within_wells(conditions, ref_ids, well_ids)


def conditions_of_wells(session: Session, experiment_id: int) -> dict[str, Place]:
    """Conditions of all wells of an experiment, by name; ``ref_ids`` are those of their wells."""
    rows = session.execute(
        select(Well.id, Well.description)
        .join(Plate, Plate.id == Well.plate_id)
        .where(Plate.experiment_id == experiment_id)
        .order_by(Well.id)
    )
    found: dict[str, dict[int, Condition]] = {}
    for well_id, description in rows:
        for name, value in conditions_of(description).items():
            found.setdefault(name, {})[well_id] = value
    return {name: _condition(found[name]) for name in sorted(found)}


def _within_wells(
    conditions: Mapping[str, Place], ref_ids: NDArray[np.int32], well_ids: NDArray[np.int32]
) -> dict[str, Place]:
    """Conditions of wells as properties of the n sites in them, or of the wells themselves.

    Parameters
    ----------
    conditions
        Properties of wells by name.
    ref_ids, well_ids
        Numbers of the sites in ascending order and of their wells, shape (n,).
    """
    order = np.argsort(well_ids, kind="stable")
    ordered = well_ids[order]
    found = {}
    for name, place in conditions.items():
        first = np.searchsorted(ordered, place.ref_ids)
        counts = np.searchsorted(ordered, place.ref_ids, side="right") - first
        # those of each well follow each other: its first one, and so many after that
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = order[np.repeat(first, counts) + within]
        by_id = np.argsort(rows)
        numbers = np.repeat(place.numbers, counts)[by_id]
        found[name] = Place(ref_ids[rows[by_id]], numbers, place.texts)
    return found


def _condition(given: Mapping[int, Condition]) -> Place:
    """A condition of wells: numbers where all are, else texts."""
    ref_ids = np.array(list(given), np.int32)
    values = list(given.values())
    if any(isinstance(value, str | bool) for value in values):
        return _place(ref_ids, [str(value) for value in values], is_text=True)
    # whole numbers in columns cannot be below 0
    is_whole = all(isinstance(value, int) and 0 <= value < 2**31 for value in values)
    return Place(ref_ids, np.array(values, np.int32 if is_whole else np.float64), None)


def _place(ref_ids: NDArray[np.int32], values: Sequence[Any], *, is_text: bool) -> Place:
    if not is_text:
        return Place(ref_ids, np.array(values, np.int32), None)
    texts = sorted(set(values))
    codes = {text: code for code, text in enumerate(texts)}
    return Place(ref_ids, np.array([codes[value] for value in values], np.int32), tuple(texts))


def read_outlined(
    session: Session, mapobject_type: MapobjectType, rows: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Which objects touch the border of their site, and their centres.

    Parameters
    ----------
    session, mapobject_type
        Session and type to read outlines of.
    rows
        ``mapobject_id``, ``tpoint`` and ``zplane`` of n objects.

    Returns
    -------
    tuple
        Whether objects touch the border, y and x of their centres in map pixels; shapes (n,).

    Raises
    ------
    Conflict
        If the outlines of these objects do not exist any more.
    """
    n = len(rows["mapobject_id"])
    is_border, y, x = np.zeros(n, bool), np.full(n, np.nan), np.full(n, np.nan)
    for layer in mapobject_type.layers:
        at = np.arange(n)
        if layer.tpoint is not None:  # plates, wells and sites are the same at all times
            in_layer = (rows["tpoint"] == layer.tpoint) & (rows["zplane"] == layer.zplane)
            at = np.flatnonzero(in_layer)
        wanted = rows["mapobject_id"][at]
        order = np.argsort(wanted, kind="stable")
        for ids, *facts in _parts(session, layer):
            start, end = np.searchsorted(wanted[order], [ids[0], ids[-1] + 1])
            here = order[start:end]
            places = np.minimum(np.searchsorted(ids, wanted[here]), len(ids) - 1)
            is_known = ids[places] == wanted[here]
            for target, values in zip((is_border, y, x), facts, strict=True):
                target[at[here[is_known]]] = values[places[is_known]]
    if np.isnan(y).any():
        raise Conflict("The objects were replaced while their outlines were read: try again.")
    return is_border, y, x


def _parts(session: Session, layer: SegmentationLayer) -> Any:
    """Ids in ascending order, border flag, y and x of the outlines in a layer, part by part."""
    found = MapobjectSegmentation
    columns = (found.mapobject_id, found.is_border, found.centroid_y, found.centroid_x)
    query = (
        select(*columns)
        .where(found.experiment_id == layer.experiment_id, found.segmentation_layer_id == layer.id)
        .order_by(found.mapobject_id)
    )
    for part in session.execute(query.execution_options(yield_per=_ROWS)).partitions():
        ids, border, y, x = zip(*part, strict=True)
        yield np.array(ids), np.array(border, bool), np.array(y), np.array(x)


def rows_in_box(
    session: Session,
    mapobject_type: MapobjectType,
    rows: Mapping[str, NDArray[Any]],
    box: tuple[float, float, float, float],
    tpoint: int | None = None,
) -> NDArray[np.bool_]:
    """Rows whose object has a bounding box that touches a box of the map, at its time and plane.

    Parameters
    ----------
    session, mapobject_type
        Session and type to read outlines of.
    rows
        ``mapobject_id``, ``tpoint`` and ``zplane`` of n objects.
    box
        ``(min_x, min_y, max_x, max_y)`` in map pixels.
    tpoint
        Time point; all of them if not given.

    Returns
    -------
    ndarray of bool
        Shape (n,).
    """
    found = MapobjectSegmentation
    inside = np.zeros(len(rows["mapobject_id"]), bool)
    for layer in mapobject_type.layers:
        is_static = layer.tpoint is None
        if not (is_static or tpoint in (None, layer.tpoint)):
            continue
        touching = in_box(
            session, found.id, found.segmentation_layer_id, found.outline, layer.id, box
        )
        query = select(found.mapobject_id).where(
            found.experiment_id == layer.experiment_id, touching
        )
        here = np.isin(rows["mapobject_id"], np.array(session.scalars(query).all(), np.int64))
        if not is_static:
            here &= (rows["tpoint"] == layer.tpoint) & (rows["zplane"] == layer.zplane)
        inside |= here
    return inside
