"""Wells, sites and cycles, which metaconfig reads from the microscope's metadata."""

import functools
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, bindparam, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from tmlib.errors import NotFound
from tmlib.experiments.models import Cycle, Plate, Site, Well


def list_wells(
    session: Session,
    experiment_id: int,
    *,
    plate_name: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Well]:
    """Wells, sorted by name, with their plates and sites."""
    query = (
        select(Well)
        .join(Well.plate)
        .where(Well.experiment_id == experiment_id)
        .options(contains_eager(Well.plate), selectinload(Well.sites))
        .order_by(Well.name, Well.id)
        .limit(limit)
        .offset(offset)
    )
    if plate_name is not None:
        query = query.where(Plate.name == plate_name)
    if name is not None:
        query = query.where(Well.name == name)
    return list(session.scalars(query))


def get_well(session: Session, experiment_id: int, well_id: int) -> Well:
    """A well of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such well.
    """
    well = session.get(Well, well_id)
    if well is None or well.experiment_id != experiment_id:
        raise NotFound("The experiment has no such well.")
    return well


def list_sites(
    session: Session,
    experiment_id: int,
    *,
    plate_name: str | None = None,
    well_name: str | None = None,
    y: int | None = None,
    x: int | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Site]:
    """Sites, sorted by plate name, well name, y and x, with their wells and plates."""
    query = (
        select(Site)
        .join(Site.well)
        .join(Well.plate)
        .where(Site.experiment_id == experiment_id)
        .options(contains_eager(Site.well).contains_eager(Well.plate))
        .order_by(Plate.name, Well.name, Site.y, Site.x)
        .limit(limit)
        .offset(offset)
    )
    if plate_name is not None:
        query = query.where(Plate.name == plate_name)
    if well_name is not None:
        query = query.where(Well.name == well_name)
    if y is not None:
        query = query.where(Site.y == y)
    if x is not None:
        query = query.where(Site.x == x)
    return list(session.scalars(query))


class SiteRow(NamedTuple):
    """A site with the names of its well and plate."""

    id: int
    y: int
    x: int
    height: int
    width: int
    well_name: str
    plate_name: str


_SITE_COLUMNS: tuple[Any, ...] = (
    *(Site.id, Site.y, Site.x, Site.height, Site.width),
    *(Well.name, Plate.name),
)
_SITE_FILTERS = {
    "plate_name": Plate.name,
    "well_name": Well.name,
    "y": Site.y,
    "x": Site.x,
}


def list_site_rows(
    session: Session,
    experiment_id: int,
    *,
    limit: int | None = None,
    offset: int = 0,
    **filters: str | int | None,
) -> list[SiteRow]:
    """As `list_sites`, which takes the same filters, but without what few ask for."""
    given = {name: value for name, value in filters.items() if value is not None}
    parameters = given | {"experiment_id": experiment_id, "offset": offset}
    if limit is not None:
        parameters["limit"] = limit
    statement = _site_rows(frozenset(given), limit is not None)
    return [SiteRow(*row) for row in session.connection().execute(statement, parameters)]


@functools.cache
def _site_rows(filters: frozenset[str], has_limit: bool) -> Select[Any]:
    """What is asked for sites, built once for each choice of filters."""
    conditions = [_SITE_FILTERS[name] == bindparam(name) for name in sorted(filters)]
    return (
        select(*_SITE_COLUMNS)
        .join_from(Site, Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(Site.experiment_id == bindparam("experiment_id"), *conditions)
        .order_by(Plate.name, Well.name, Site.y, Site.x)
        .limit(bindparam("limit", type_=Integer) if has_limit else None)
        .offset(bindparam("offset", type_=Integer))
    )


def get_site(session: Session, experiment_id: int, site_id: int) -> Site:
    """A site of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such site.
    """
    site = session.get(Site, site_id)
    if site is None or site.experiment_id != experiment_id:
        raise NotFound("The experiment has no such site.")
    return site


def list_cycles(
    session: Session,
    experiment_id: int,
    *,
    index: int | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Cycle]:
    """Cycles, sorted by index."""
    query = (
        select(Cycle)
        .where(Cycle.experiment_id == experiment_id)
        .order_by(Cycle.index)
        .limit(limit)
        .offset(offset)
    )
    if index is not None:
        query = query.where(Cycle.index == index)
    return list(session.scalars(query))


def get_cycle(session: Session, experiment_id: int, cycle_id: int) -> Cycle:
    """A cycle of an experiment.

    Raises
    ------
    NotFound
        If the experiment has no such cycle.
    """
    cycle = session.get(Cycle, cycle_id)
    if cycle is None or cycle.experiment_id != experiment_id:
        raise NotFound("The experiment has no such cycle.")
    return cycle
