"""Positions of objects on the plates, for tools that analyse wells."""

import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.conditions import Condition, conditions_of
from tmlib.experiments.models import Plate, Site
from tmlib.experiments.models import Well as WellRow
from tmlib.images.layout import well_position
from tmlib.objects.models import EmptySite
from tmlib.tools.payloads import ControlWells, WellCondition

_MAX_TOLD = 10


class Well(NamedTuple):
    """A well; row and column are counted from zero."""

    plate: str
    name: str
    row: int
    column: int
    conditions: Mapping[str, Condition] = MappingProxyType({})


@dataclass(frozen=True)
class Layout:
    """The wells of an experiment, by plate and name, and those that its sites are in.

    ``empty_site_ids`` and ``empty_tpoints``, of shape (e,), are the sites and time points that were
    analysed but have no objects.

    Attributes
    ----------
    wells
        The w wells.
    site_ids
        Ids of the s sites, ascending, shape (s,).
    well_of_site
        Position of each site's well in ``wells``, shape (s,).
    """

    wells: tuple[Well, ...] = ()
    site_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    well_of_site: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    empty_site_ids: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    empty_tpoints: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def wells_of(self, site_ids: NDArray[np.int32]) -> NDArray[np.int64]:
        """Index of the well of each of n sites, shape (n,)."""
        return self.well_of_site[np.searchsorted(self.site_ids, site_ids)]

    @cached_property
    def plates(self) -> tuple[str, ...]:
        """Names of the plates, in order."""
        return tuple(dict.fromkeys(well.plate for well in self.wells))

    @cached_property
    def plate_of_well(self) -> NDArray[np.int64]:
        """Position of each well's plate in ``plates``, shape (w,)."""
        positions = {plate: position for position, plate in enumerate(self.plates)}
        return np.array([positions[well.plate] for well in self.wells], dtype=np.int64)

    def are_chosen(self, controls: ControlWells) -> NDArray[np.bool_]:
        """Which wells have one of these names or conditions, on any plate; shape (w,)."""
        places = {well_position(one.upper()) for one in controls if isinstance(one, str)}
        conditions = [one for one in controls if isinstance(one, WellCondition)]
        wanted = _by_column((one.column, one.value) for one in conditions)
        return np.array(
            [
                (well.row, well.column) in places
                or any(
                    column in wanted and value in wanted[column]
                    for column, value in well.conditions.items()
                )
                for well in self.wells
            ],
            dtype=bool,
        )

    def check_chosen(self, controls: ControlWells) -> None:
        """Check that there are wells of these names, and with each of these conditions.

        Raises
        ------
        BadInput
            If no plate has such a well.
        """
        known = {(well.row, well.column): well.name for well in self.wells}
        for one in controls:
            if isinstance(one, WellCondition):
                self._check_condition(one)
            elif well_position(one.upper()) not in known:
                close = difflib.get_close_matches(one, known.values(), n=1)
                hint = f'did you mean "{close[0]}"?' if close else "choose one that was imaged."
                raise BadInput(f'No plate has a well "{one}": {hint}')

    @cached_property
    def _given(self) -> dict[str, "_Values"]:
        """The values that any wells have, by the names of their conditions."""
        return _by_column(given for well in self.wells for given in well.conditions.items())

    def _check_condition(self, wanted: WellCondition) -> None:
        given = self._given.get(wanted.column)
        if given is None:
            close = difflib.get_close_matches(wanted.column, sorted(self._given), n=1)
            hint = f'did you mean "{close[0]}"?' if close else "load a plate map that has it."
            raise BadInput(f'No well has a condition "{wanted.column}": {hint}')
        if wanted.value not in given:
            raise BadInput(
                f'No well has "{wanted.value}" as {wanted.column}: choose one of '
                f"{', '.join(sorted(given.texts - {''})[:_MAX_TOLD])}."
            )

    def check_controls(self, controls: ControlWells, least: int) -> None:
        """Check that every plate has a least number of wells with these names or conditions.

        Raises
        ------
        BadInput
            If one has fewer, or there are no such wells.
        """
        self.check_chosen(controls)
        n_controls = np.bincount(
            self.plate_of_well[self.are_chosen(controls)], minlength=len(self.plates)
        )
        for plate, number in zip(self.plates, n_controls.tolist(), strict=True):
            if number < least:
                raise BadInput(
                    f'Plate "{plate}" has {number} of the control wells '
                    f"{', '.join(map(str, controls[:_MAX_TOLD]))}, but needs {least}: choose more "
                    "of its wells."
                )


class _Values:
    """Values of a condition; numbers are compared as such, and with texts as they are written.

    Attributes
    ----------
    texts
        All of them as they are written.
    """

    def __init__(self, values: Iterable[Condition]) -> None:
        found = list(values)
        self._numbers = {value for value in found if _is_number(value)}
        self._others = {str(value) for value in found if not _is_number(value)}
        self.texts = {str(value) for value in found}

    def __contains__(self, value: Condition) -> bool:
        if _is_number(value):
            return value in self._numbers or str(value) in self._others
        return str(value) in self.texts


def _by_column(given: Iterable[tuple[str, Condition]]) -> dict[str, _Values]:
    found: dict[str, list[Condition]] = {}
    for column, value in given:
        found.setdefault(column, []).append(value)
    return {column: _Values(values) for column, values in found.items()}


def _is_number(value: Condition) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


NO_WELLS = Layout()


def read_layout(session: Session, experiment_id: int, mapobject_type_id: int) -> Layout:
    """The wells and sites of an experiment, and where there are no objects of a type."""
    rows = session.execute(
        select(Site.id, Plate.name, WellRow.name)
        .join(WellRow, WellRow.id == Site.well_id)
        .join(Plate, Plate.id == WellRow.plate_id)
        .where(Site.experiment_id == experiment_id)
        .order_by(Site.id)
    ).all()
    names = sorted({(plate, well) for _, plate, well in rows})
    described = session.execute(
        select(Plate.name, WellRow.name, WellRow.description)
        .join(Plate, Plate.id == WellRow.plate_id)
        .where(WellRow.experiment_id == experiment_id)
    )
    conditions = {(plate, well): conditions_of(given) for plate, well, given in described}
    positions = {name: position for position, name in enumerate(names)}
    empty = session.execute(
        select(EmptySite.site_id, EmptySite.tpoint)
        .where(EmptySite.mapobject_type_id == mapobject_type_id)
        .distinct()
    ).all()
    return Layout(
        tuple(
            Well(plate, name, *well_position(name), conditions[plate, name])
            for plate, name in names
        ),
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([positions[row[1], row[2]] for row in rows], dtype=np.int64),
        np.array([row.site_id for row in empty], dtype=np.int32),
        np.array([row.tpoint for row in empty], dtype=np.int32),
    )


@dataclass(frozen=True)
class WellGroups:
    """Objects grouped by well and time point.

    Wells that were analysed but have no objects are included: zero cells is a result, too.

    Attributes
    ----------
    layout
        All wells.
    of_object
        Position of each object's group, shape (n,).
    wells, tpoints
        Of each of the g groups, shape (g,); wells are positions in ``layout.wells``.
    """

    layout: Layout
    of_object: NDArray[np.int64]
    wells: NDArray[np.int64]
    tpoints: NDArray[np.int64]

    @classmethod
    def of(
        cls, layout: Layout, site_ids: NDArray[np.int32], tpoints: NDArray[np.int32]
    ) -> "WellGroups":
        """Groups of n objects by their sites and time points."""
        n_wells = len(layout.wells)
        codes = tpoints.astype(np.int64) * n_wells + layout.wells_of(site_ids)
        empty = layout.empty_tpoints.astype(np.int64) * n_wells
        empty += layout.wells_of(layout.empty_site_ids)
        found, of_object = np.unique(np.concatenate([codes, empty]), return_inverse=True)
        return cls(layout, of_object[: len(codes)], found % n_wells, found // n_wells)

    def __len__(self) -> int:
        return len(self.wells)

    @cached_property
    def n_objects(self) -> NDArray[np.int64]:
        """How many objects each group has, shape (g,)."""
        return np.bincount(self.of_object, minlength=len(self)).astype(np.int64)

    @cached_property
    def plates(self) -> NDArray[np.int64]:
        """Number of the plate and time point of each group, shape (g,); counted without gaps."""
        n_plates = len(self.layout.plates)
        codes = self.tpoints * n_plates + self.layout.plate_of_well[self.wells]
        return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.int64)

    @property
    def described(self) -> list[Well]:
        """The well of each group."""
        return [self.layout.wells[position] for position in self.wells]

    def table(self, columns: Mapping[str, NDArray[Any]]) -> Any:
        """A row per group (``pyarrow.Table``): its well, its number of objects, and `columns` (g,).

        Numbers that are not finite become null.
        """
        wells = self.described
        found = {
            "plate": pa.array([well.plate for well in wells]),
            "well": pa.array([well.name for well in wells]),
            "tpoint": pa.array(self.tpoints, pa.int32()),
            "n_objects": pa.array(self.n_objects),
        }
        for name, values in columns.items():
            is_missing = None if values.dtype == bool else ~np.isfinite(values)
            found[name] = pa.array(values, mask=is_missing)
        return pa.table(found)


@dataclass(frozen=True)
class WellTable:
    """The results for wells as a table that can be streamed; it is small."""

    path: Path

    @cached_property
    def _table(self) -> Any:
        return pq.read_table(self.path)

    @property
    def schema(self) -> Any:
        """Arrow schema."""
        return self._table.schema

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``."""
        yield self._table

    def csv(self) -> Iterator[bytes]:
        """CSV in parts; missing values are empty."""
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(self._table, buffer)
        yield buffer.getvalue()
