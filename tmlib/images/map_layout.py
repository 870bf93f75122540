"""Positions of plates, wells and sites on the map of an experiment.

This is pure arithmetic; nothing is read or stored. Coordinates are (y, x), y pointing down, in
pixels of the map at full resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from tmlib.images.layout import LayoutError, guess_stitch_dimensions, well_position

WELL_SPACER = 500
"""Gap between neighbouring wells in pixels."""

PLATE_SPACER = 1000
"""Gap between neighbouring plates in pixels."""

Cell = tuple[int, int]
"""Row and column of a site in its well."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the map, in pixels."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class WellLayout:
    """A well that was imaged.

    Attributes
    ----------
    name
        For example "B03".
    sites
        (row, column) of each of its sites.
    offsets
        (y, x) of the upper left corner of each, relative to that of the well; None if sites lie
        side by side.
    """

    name: str
    sites: tuple[Cell, ...]
    offsets: tuple[tuple[int, int], ...] | None = None

    @property
    def dimensions(self) -> tuple[int, int]:
        """Rows and columns of sites."""
        return max(y for y, _ in self.sites) + 1, max(x for _, x in self.sites) + 1

    @cached_property
    def offset_of(self) -> dict[Cell, tuple[int, int]]:
        """Offset by row and column; empty if sites lie side by side."""
        return dict(zip(self.sites, self.offsets, strict=True)) if self.offsets else {}


@dataclass(frozen=True)
class PlateLayout:
    """A plate: the wells that were imaged, each with at least one site."""

    wells: tuple[WellLayout, ...]

    @cached_property
    def rows(self) -> list[int]:
        """Rows of the plate with at least one imaged well."""
        return sorted({well_position(well.name)[0] for well in self.wells})

    @cached_property
    def columns(self) -> list[int]:
        """Columns of the plate with at least one imaged well."""
        return sorted({well_position(well.name)[1] for well in self.wells})

    @cached_property
    def by_name(self) -> dict[str, WellLayout]:
        """The wells by their names."""
        return {well.name: well for well in self.wells}


@dataclass(frozen=True)
class MapLayout:
    """The map of an experiment: all plates, each with only its non-empty rows and columns.

    Attributes
    ----------
    plates
        In the order in which they fill the grid, column by column.
    site_height, site_width
        Size of every site in pixels.
    vertical_displacement, horizontal_displacement
        Gap between neighbouring sites in pixels, negative if they overlap; for wells whose sites
        have no offsets.

    Raises
    ------
    LayoutError
        If sites would coincide.
    """

    plates: tuple[PlateLayout, ...]
    site_height: int
    site_width: int
    vertical_displacement: int = 0
    horizontal_displacement: int = 0

    def __post_init__(self) -> None:
        if self._pitch[0] < 1 or self._pitch[1] < 1:
            raise LayoutError(
                f"Sites of {self.site_height} x {self.site_width} pixels cannot be displaced by "
                f"{self.vertical_displacement} and {self.horizontal_displacement}: "
                "they may overlap by less than their size."
            )

    @property
    def _pitch(self) -> tuple[int, int]:
        """Distance between the corners of neighbouring sites."""
        return (
            self.site_height + self.vertical_displacement,
            self.site_width + self.horizontal_displacement,
        )

    def _size_of(self, well: WellLayout) -> tuple[int, int]:
        """Height and width of the area that the sites of a well cover."""
        if well.offsets:
            return (
                max(y for y, _ in well.offsets) + self.site_height,
                max(x for _, x in well.offsets) + self.site_width,
            )
        rows, columns = well.dimensions
        return (
            _span(rows, self.site_height, self.vertical_displacement),
            _span(columns, self.site_width, self.horizontal_displacement),
        )

    @cached_property
    def _well_size(self) -> tuple[int, int]:
        """Size of the largest well."""
        sizes = [self._size_of(well) for plate in self.plates for well in plate.wells]
        return (
            max((height for height, _ in sizes), default=0),
            max((width for _, width in sizes), default=0),
        )

    @cached_property
    def _plate_size(self) -> tuple[int, int]:
        """Size of the largest plate."""
        height, width = self._well_size
        return (
            max((_span(len(plate.rows), height, WELL_SPACER) for plate in self.plates), default=0),
            max(
                (_span(len(plate.columns), width, WELL_SPACER) for plate in self.plates), default=0
            ),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the map."""
        if not self.plates:
            return 0, 0
        rows, columns = guess_stitch_dimensions(len(self.plates))
        height, width = self._plate_size
        return _span(rows, height, PLATE_SPACER), _span(columns, width, PLATE_SPACER)

    def plate(self, index: int) -> Box:
        """Box of the plate with this index."""
        rows, _ = guess_stitch_dimensions(len(self.plates))
        height, width = self._plate_size
        x, y = divmod(index, rows)
        own_height = _span(len(self.plates[index].rows), self._well_size[0], WELL_SPACER)
        own_width = _span(len(self.plates[index].columns), self._well_size[1], WELL_SPACER)
        return Box(y * (height + PLATE_SPACER), x * (width + PLATE_SPACER), own_height, own_width)

    def well(self, plate: int, name: str) -> Box:
        """Box of a well."""
        layout = self.plates[plate]
        origin = self.plate(plate)
        height, width = self._well_size
        row, column = well_position(name)
        return Box(
            origin.y + layout.rows.index(row) * (height + WELL_SPACER),
            origin.x + layout.columns.index(column) * (width + WELL_SPACER),
            *self._size_of(layout.by_name[name]),
        )

    def site(self, plate: int, well: str, y: int, x: int) -> Box:
        """Box of the site in row `y` and column `x` of a well."""
        origin = self.well(plate, well)
        regular = y * self._pitch[0], x * self._pitch[1]
        offset = self.plates[plate].by_name[well].offset_of.get((y, x), regular)
        return Box(
            origin.y + offset[0],
            origin.x + offset[1],
            self.site_height,
            self.site_width,
        )


def overlapping(boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Pairs of rectangles that share pixels, by their numbers, the smaller one first, sorted."""
    if len(boxes) < 2:
        return []
    corners = np.array([(box.y, box.x) for box in boxes])
    sizes = np.array([(box.height, box.width) for box in boxes])
    tree = cKDTree(corners / sizes.max(axis=0))
    pairs = tree.query_pairs(1, p=np.inf, output_type="ndarray")
    one, other = corners[pairs[:, 0]], corners[pairs[:, 1]]
    shared = np.minimum(one + sizes[pairs[:, 0]], other + sizes[pairs[:, 1]]) - np.maximum(
        one, other
    )
    return sorted((int(i), int(j)) for i, j in np.sort(pairs[(shared > 0).all(axis=1)], axis=1))


def map_size(plates: Sequence[PlateLayout], site_height: int, site_width: int) -> tuple[int, int]:
    """Height and width of the map in pixels."""
    return MapLayout(tuple(plates), site_height, site_width).size


def _span(n: int, size: int, spacer: int) -> int:
    """Length of `n` items in a row with gaps between them."""
    return n * size + max(n - 1, 0) * spacer
