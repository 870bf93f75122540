"""The map of an experiment as its tables describe it: where every plate, well and site lies."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from tmlib.errors import BadInput
from tmlib.experiments.models import Experiment, Plate, Well
from tmlib.images.alignment import Residues
from tmlib.images.map_layout import Box, MapLayout, PlateLayout, WellLayout
from tmlib.objects.models import Mapobject, MapobjectType
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects
from tmlib.workflow.steps.base import digest


@dataclass(frozen=True)
class PlacedSite:
    """A site, where its images are stored, and where it lies on the map.

    Attributes
    ----------
    id, plate_id, well_name, field
        What names its images.
    box
        Its place on the map.
    residues
        What is cut off so that only what all cycles show remains.
    omitted
        Whether its cycles could not be aligned.
    """

    id: int
    plate_id: int
    well_name: str
    field: int
    box: Box
    residues: Residues
    omitted: bool

    @property
    def aligned_box(self) -> Box:
        """The place of what all cycles show."""
        cut = self.residues
        return Box(
            self.box.y + cut.top,
            self.box.x + cut.left,
            self.box.height - cut.top - cut.bottom,
            self.box.width - cut.left - cut.right,
        )


@dataclass(frozen=True)
class PlateMap:
    """Everything that lies on the map of an experiment."""

    layout: MapLayout
    plates: list[Plate]
    sites: list[PlacedSite]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the map in pixels."""
        return self.layout.size

    @property
    def is_regular_by_choice(self) -> bool:
        """Whether the user lays sites out otherwise than the stage."""
        layout = self.layout
        return any((layout.vertical_displacement, layout.horizontal_displacement)) and any(
            _offsets(well) is not None for plate in self.plates for well in plate.wells
        )

    def plate_boxes(self) -> list[tuple[int, Box]]:
        """Id and place of each plate."""
        return [(plate.id, self.layout.plate(i)) for i, plate in enumerate(self.plates)]

    def well_boxes(self) -> list[tuple[int, Box]]:
        """Id and place of each well."""
        return [
            (well.id, self.layout.well(i, well.name))
            for i, plate in enumerate(self.plates)
            for well in plate.wells
        ]

    def digest(self) -> str:
        """A digest of where everything lies."""
        boxes = [(site.id, site.aligned_box) for site in self.sites]
        return digest(self.plate_boxes(), self.well_boxes(), boxes)


def read_plate_map(
    session: Session, experiment_id: int, displacement: tuple[int, int] | None = None
) -> PlateMap:
    """Read the layout of all plates that have wells with sites.

    Parameters
    ----------
    session, experiment_id
        Whose map.
    displacement
        Gaps (y, x) between neighbouring sites in pixels; those of the experiment's map if None.
        Without any, sites lie where the stage put them, if that is known.

    Raises
    ------
    BadInput
        If there are no sites.
    """
    plates = [
        plate
        for plate in session.scalars(
            select(Plate)
            .where(Plate.experiment_id == experiment_id)
            .order_by(Plate.id)
            .options(selectinload(Plate.wells).selectinload(Well.sites))
        )
        if plate.wells
    ]
    sites = [site for plate in plates for well in plate.wells for site in well.sites]
    if not sites:
        raise BadInput("The experiment has no sites yet: run the image conversion stage first.")
    if displacement is None:
        experiment = session.get_one(Experiment, experiment_id)
        displacement = (
            experiment.vertical_site_displacement,
            experiment.horizontal_site_displacement,
        )
    layout = MapLayout(
        tuple(_plate_layout(plate, by_stage=not any(displacement)) for plate in plates),
        sites[0].height,
        sites[0].width,
        *displacement,
    )
    return PlateMap(
        layout,
        plates,
        [
            PlacedSite(
                site.id,
                plate.id,
                well.name,
                site.field,
                layout.site(index, well.name, site.y, site.x),
                Residues(
                    site.top_residue, site.bottom_residue, site.left_residue, site.right_residue
                ),
                site.omitted,
            )
            for index, plate in enumerate(plates)
            for well in plate.wells
            for site in well.sites
        ],
    )


def _plate_layout(plate: Plate, *, by_stage: bool) -> PlateLayout:
    return PlateLayout(
        tuple(
            WellLayout(
                well.name,
                tuple((site.y, site.x) for site in well.sites),
                _offsets(well) if by_stage else None,
            )
            for well in plate.wells
        )
    )


def _offsets(well: Well) -> tuple[tuple[int, int], ...] | None:
    """Where the sites of a well lie, if all that is known."""
    offsets = [
        (site.offset_y, site.offset_x)
        for site in well.sites
        if site.offset_y is not None and site.offset_x is not None
    ]
    return tuple(offsets) if len(offsets) == len(well.sites) else None


def draw_layout(session: Session, experiment_id: int, plate_map: PlateMap) -> None:
    """Make the outlines of plates, wells and sites as they lie on the map."""
    record_static_objects(
        session,
        experiment_id,
        plates=_rectangles(plate_map.plate_boxes()),
        wells=_rectangles(plate_map.well_boxes()),
        sites=_rectangles([(site.id, site.aligned_box) for site in plate_map.sites]),
    )


def layout_objects(session: Session, experiment_id: int) -> list[tuple[object, ...]]:
    """How many outlines of plates, wells and sites there are, and between which ids."""
    found = session.execute(
        select(
            MapobjectType.name,
            MapobjectType.id,
            func.count(Mapobject.id),
            func.min(Mapobject.id),
            func.max(Mapobject.id),
        )
        .join(Mapobject, Mapobject.mapobject_type_id == MapobjectType.id)
        .where(
            MapobjectType.experiment_id == experiment_id,
            MapobjectType.is_static,
            Mapobject.experiment_id == experiment_id,
        )
        .group_by(MapobjectType.name, MapobjectType.id)
        .order_by(MapobjectType.name)
    )
    return [tuple(row) for row in found]


def _rectangles(boxes: list[tuple[int, Box]]) -> list[PlacedRectangle]:
    return [PlacedRectangle(ref_id, box.y, box.x, box.height, box.width) for ref_id, box in boxes]
