"""Samples and sub-samples: wells of plates, and their sites."""

from typing import Literal

from pydantic import Field

from tmlib.facility import samples
from tmlib.facility.samples import SampleFilter
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.ispyb.forms import Model, Number, PageQuery, ProposalName
from tmserver.ispyb.looking import looking

routes = Routes("Samples")


class SampleProtein(Model):
    """The specimen of a sample: that of the experiment that it is a part of."""

    proposal_id: str = Field(examples=["1"])
    name: str
    acronym: str = Field(examples=["Screen 1"])


class SampleCrystal(Model):
    """What a sample is made of; cells of crystals have no meaning for wells."""

    cell_a: float | None = Field(None, alias="cell_a")
    cell_b: float | None = Field(None, alias="cell_b")
    cell_c: float | None = Field(None, alias="cell_c")
    cell_alpha: float | None = Field(None, alias="cell_alpha")
    cell_beta: float | None = Field(None, alias="cell_beta")
    cell_gamma: float | None = Field(None, alias="cell_gamma")
    protein: SampleProtein = Field(alias="Protein")
    crystal_id: int
    protein_id: int


class SampleContainer(Model):
    """The plate of a sample."""

    code: str = Field(examples=["Plate 1"])
    sample_changer_location: str | None = Field(None, examples=["3"])
    beamline_location: str | None = Field(None, examples=["Spinning disk"])


class SampleMetaData(Model):
    """What was done with a sample."""

    subsamples: int
    datacollections: int
    types: list[str] | None = Field(examples=[["canonical"]])
    queued: bool = False
    strategies: int = 0
    auto_integrations: int = 0
    integrated_resolution: float | None = None
    proposal: str


class Sample(Model):
    """A well of a plate."""

    name: str = Field(examples=["A01"])
    comments: str | None = None
    location: int | None
    container_id: int | None
    crystal: SampleCrystal = Field(alias="Crystal")
    bl_sample_id: int
    container: SampleContainer | None = Field(alias="Container")
    metadata: SampleMetaData = Field(alias="_metadata")


class SubSampleMetaData(Model):
    """What was done with a sub-sample."""

    datacollections: int
    types: list[str] = Field(examples=[["canonical"]])


class SubSampleSample(Model):
    """The sample of a sub-sample."""

    name: str = Field(examples=["A01"])


class Position(Model):
    """A place on the stage, in pixels from where the well begins."""

    pos_x: int
    pos_y: int


class SubSample(Model):
    """A site of a well."""

    type: str | None = Field(examples=["site"])
    comments: str | None = None
    bl_sample_id: int
    metadata: SubSampleMetaData = Field(alias="_metadata")
    bl_sub_sample_id: int
    bl_sample: SubSampleSample = Field(alias="BLSample")
    position1: Position | None = Field(alias="Position1")
    position2: Position | None = Field(None, alias="Position2")


class _WhichSamples(PageQuery):
    protein_id: Number | None = None
    proposal: ProposalName | None = None
    container_id: Number | None = None
    order: Literal["asc", "desc"] | None = None


class WhichSamples(_WhichSamples):
    """Asks for samples that fit all that is given; they are sorted if order is given as well."""

    status: samples.Status | None = Field(None, examples=["Data Collected"])
    search: Text | None = None
    beam_line_name: Text | None = None
    order_by: samples.Order | None = Field(None, alias="order_by")


class WhichSubSamples(_WhichSamples):
    """Asks for sub-samples that fit all that is given."""

    bl_sample_id: Number | None = None
    order_by: Literal["blSubSampleId", "datacollections", "type"] | None = Field(
        None, alias="order_by"
    )


@routes.get("/samples", permits="user")
def get_samples(access: UserAccess, query: WhichSamples) -> Part[Sample]:
    """List samples, the latest first."""
    which = SampleFilter(
        specimen_id=query.protein_id,
        container_id=query.container_id,
        proposal=query.proposal,
        search=query.search,
        status=query.status,
        mounted_at=query.beam_line_name,
    )
    is_sorted = query.order_by is not None and query.order is not None
    with looking(access) as (session, viewer):
        found = samples.list_samples(
            session,
            viewer,
            query.window,
            which,
            order_by=(query.order_by if is_sorted else None) or "blSampleId",
            descending=not is_sorted or query.order == "desc",
        )
    return Part([_sample(one) for one in found.rows], found.total)


@routes.get("/samples/<bl_sample_id>", permits="user", raises=(404,))
def get_sample(access: UserAccess, bl_sample_id: int) -> Sample:
    """Get a sample."""
    with looking(access) as (session, viewer):
        return _sample(samples.get_sample(session, viewer, bl_sample_id))


@routes.get("/samples/sub", permits="user")
def get_sub_samples(access: UserAccess, query: WhichSubSamples) -> Part[SubSample]:
    """List sub-samples, the latest first."""
    which = SampleFilter(
        sample_id=query.bl_sample_id,
        specimen_id=query.protein_id,
        container_id=query.container_id,
        proposal=query.proposal,
    )
    is_sorted = query.order_by is not None and query.order is not None
    with looking(access) as (session, viewer):
        found = samples.list_subsamples(
            session,
            viewer,
            query.window,
            which,
            by_collections=is_sorted and query.order_by == "datacollections",
            descending=not is_sorted or query.order == "desc",
        )
    return Part([_subsample(one) for one in found.rows], found.total)


@routes.get("/samples/sub/<bl_sub_sample_id>", permits="user", raises=(404,))
def get_sub_sample(access: UserAccess, bl_sub_sample_id: int) -> SubSample:
    """Get a sub-sample."""
    with looking(access) as (session, viewer):
        return _subsample(samples.get_subsample(session, viewer, bl_sub_sample_id))


def _sample(one: samples.Sample) -> Sample:
    protein = SampleProtein(
        proposal_id=str(one.proposal_id), name=one.specimen, acronym=one.acronym
    )
    return Sample(
        name=one.name,
        location=one.location,
        container_id=one.container_id,
        crystal=SampleCrystal(
            protein=protein, crystal_id=one.specimen_id, protein_id=one.specimen_id
        ),
        bl_sample_id=one.id,
        container=SampleContainer(
            code=one.plate,
            sample_changer_location=one.container and one.container.sample_changer_location,
            beamline_location=one.container and one.container.beamline_location,
        ),
        metadata=SampleMetaData(
            subsamples=one.n_subsamples,
            datacollections=one.n_collections,
            types=[one.type] if one.n_collections else None,
            proposal=one.proposal,
        ),
    )


def _subsample(one: samples.SubSample) -> SubSample:
    position = None
    if one.x is not None and one.y is not None:
        position = Position(pos_x=round(one.x), pos_y=round(one.y))
    return SubSample(
        type="site",
        bl_sample_id=one.sample_id,
        metadata=SubSampleMetaData(
            datacollections=one.n_collections, types=[one.type] if one.n_collections else []
        ),
        bl_sub_sample_id=one.id,
        bl_sample=SubSampleSample(name=one.sample),
        position1=position,
    )
