"""Wells, sites and cycles."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from tmlib.experiments import conditions, layout, models, quality
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Id, Index, Message, NamedPage, Page, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("well", scope=EXPERIMENT)


class Well(Schema):
    """A well that has images; ``dimensions`` are its rows and columns of sites.

    The name of the plate is also there as ``plate``, where the original's clients look for it.
    """

    id: Id
    name: str
    description: dict[str, Any]
    plate_name: str
    plate: str = Field(examples=["Plate XY"])
    dimensions: tuple[int, int]


class WellDescription(Body):
    """What is noted about a well: its treatment, for example."""

    description: dict[str, Any]


class Site(Schema):
    """A position of the camera: its place in the well's grid and its size in pixels."""

    id: Id
    y: int
    x: int
    height: int
    width: int
    well_name: str
    plate_name: str


class Cycle(Schema):
    """A round of staining and imaging."""

    id: Id
    index: int
    tpoint: int = 0


class CycleShift(Schema):
    """How far the images of a cycle are moved, in pixels downwards and to the right.

    The quality is the correlation with the reference cycle's images where they overlap then.
    """

    cycle_index: int
    y: int
    x: int
    quality: float


class SiteShift(Schema):
    """How the cycles of a site were aligned; an omitted site has no shifts and no objects."""

    site_id: Id
    plate_name: str
    well_name: str
    well_pos_y: int
    well_pos_x: int
    omitted: bool
    shifts: list[CycleShift]


class SiteShiftQuery(Page):
    """Which sites are asked for."""

    plate_name: Text | None = None
    well_name: Text | None = None
    omitted: bool | None = None


class SiteOverlap(Schema):
    """How far the corner of a neighbour lies from that of a site, as their images show.

    What is not reliable has no part in where sites lie on the map.
    """

    site_id: Id
    neighbour_id: Id
    plate_name: str
    well_name: str
    y: float
    x: float
    quality: float
    is_reliable: bool


class SiteOverlapQuery(Page):
    """Which sites are asked for."""

    plate_name: Text | None = None
    well_name: Text | None = None


class WellQuery(NamedPage):
    """Which wells are asked for."""

    plate_name: Text | None = None


class SiteQuery(Page):
    """Which sites are asked for."""

    plate_name: Text | None = None
    well_name: Text | None = None
    well_pos_y: Annotated[
        Index | None, Field(validation_alias=AliasChoices("well_pos_y", "well_pox_y"))
    ] = None
    well_pos_x: Annotated[
        Index | None, Field(validation_alias=AliasChoices("well_pos_x", "well_pox_x"))
    ] = None


class CycleQuery(Page):
    """Which cycles are asked for; all plates have the same."""

    plate_name: Text | None = None
    index: Index | None = None


@routes.get("/wells", permits="read")
def get_wells(access: ExperimentAccess, query: WellQuery) -> list[Well]:
    """List wells."""
    with access.database.session() as session:
        wells = layout.list_wells(
            session,
            access.experiment_id,
            plate_name=query.plate_name,
            name=query.name,
            limit=query.limit,
            offset=query.offset,
        )
        return [_well(well) for well in wells]


@routes.get("/wells/<well_id>", permits="read")
def get_well(access: ExperimentAccess, well_id: int) -> Well:
    """Get a well."""
    with access.database.session() as session:
        return _well(layout.get_well(session, access.experiment_id, well_id))


@routes.put("/wells/<well_id>", permits="write")
def update_well_description(
    access: ExperimentAccess, well_id: int, body: WellDescription
) -> Message:
    """Replace what is noted about a well."""
    with access.database.transaction() as session:
        conditions.describe_well(session, access.experiment_id, well_id, body.description)
    return Message()


@routes.get("/sites", permits="read")
def get_sites(access: ExperimentAccess, query: SiteQuery) -> list[Site]:
    """List sites in the order of plate, well, y and x."""
    with access.database.session() as session:
        sites = layout.list_site_rows(
            session,
            access.experiment_id,
            plate_name=query.plate_name,
            well_name=query.well_name,
            y=query.well_pos_y,
            x=query.well_pos_x,
            limit=query.limit,
            offset=query.offset,
        )
    return [Site(**site._asdict()) for site in sites]


@routes.get("/sites/<site_id>", permits="read")
def get_site(access: ExperimentAccess, site_id: int) -> Site:
    """Get a site."""
    with access.database.session() as session:
        return _site(layout.get_site(session, access.experiment_id, site_id))


@routes.get("/site-shifts", permits="read")
def get_site_shifts(access: ExperimentAccess, query: SiteShiftQuery) -> list[SiteShift]:
    """List how sites were aligned; empty if step align has not run."""
    with access.database.session() as session:
        aligned = quality.list_site_shifts(
            session,
            access.experiment_id,
            plate_name=query.plate_name,
            well_name=query.well_name,
            omitted=query.omitted,
            limit=query.limit,
            offset=query.offset,
        )
        return [
            SiteShift(
                site_id=one.site.id,
                plate_name=one.site.well.plate.name,
                well_name=one.site.well.name,
                well_pos_y=one.site.y,
                well_pos_x=one.site.x,
                omitted=one.site.omitted,
                shifts=[CycleShift.model_validate(shift) for shift in one.shifts],
            )
            for one in aligned
        ]


@routes.get("/site-overlaps", permits="read")
def get_site_overlaps(access: ExperimentAccess, query: SiteOverlapQuery) -> list[SiteOverlap]:
    """List how neighbouring sites lie to each other; empty where none overlap enough."""
    with access.database.session() as session:
        found = quality.list_site_overlaps(
            session,
            access.experiment_id,
            plate_name=query.plate_name,
            well_name=query.well_name,
            limit=query.limit,
            offset=query.offset,
        )
        return [
            SiteOverlap(
                site_id=one.site.id,
                neighbour_id=one.neighbour_id,
                plate_name=one.site.well.plate.name,
                well_name=one.site.well.name,
                y=one.measured.y,
                x=one.measured.x,
                quality=one.measured.quality,
                is_reliable=one.measured.is_reliable,
            )
            for one in found
        ]


@routes.get("/cycles", permits="read")
def get_cycles(access: ExperimentAccess, query: CycleQuery) -> list[Cycle]:
    """List cycles."""
    with access.database.session() as session:
        cycles = layout.list_cycles(
            session,
            access.experiment_id,
            index=query.index,
            limit=query.limit,
            offset=query.offset,
        )
    return [Cycle(id=cycle.id, index=cycle.index) for cycle in cycles]


@routes.get("/cycles/<cycle_id>", permits="read")
def get_cycle(access: ExperimentAccess, cycle_id: int) -> Cycle:
    """Get a cycle."""
    with access.database.session() as session:
        cycle = layout.get_cycle(session, access.experiment_id, cycle_id)
    return Cycle(id=cycle.id, index=cycle.index)


def _well(well: models.Well) -> Well:
    return Well(
        id=well.id,
        name=well.name,
        description=well.description,
        plate_name=well.plate.name,
        plate=well.plate.name,
        dimensions=(
            max((site.y + 1 for site in well.sites), default=0),
            max((site.x + 1 for site in well.sites), default=0),
        ),
    )


def _site(site: models.Site) -> Site:
    return Site(
        id=site.id,
        y=site.y,
        x=site.x,
        height=site.height,
        width=site.width,
        well_name=site.well.name,
        plate_name=site.well.plate.name,
    )
