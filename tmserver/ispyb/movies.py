"""Movies of electron microscopes, as programs that process them hand them in."""

from typing import Annotated, Any

from flask import Response
from pydantic import Field

from tmlib.facility import movie_pictures, movies
from tmlib.facility.acquisitions import CollectionFilter
from tmlib.facility.movies import MovieRecord
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import LIST_BODY, Routes
from tmserver.http.schemas import MAX_INT, Text
from tmserver.ispyb.datacollections import WhichAttachments
from tmserver.ispyb.forms import Model, Sent
from tmserver.ispyb.looking import looking, viewer_of

routes = Routes("Electron Microscopy")
quality = Routes("Data Collections")

_MOST = 10_000

_Value = Annotated[Text, Field(max_length=512)] | None


class MotionCorrection(Sent):
    """What came of the correction of motion."""

    first_frame: _Value = Field(None, examples=["1"])
    last_frame: _Value = Field(None, examples=["40"])
    dose_per_frame: _Value = Field(None, examples=["1.1"])
    dose_weight: _Value = Field(None, examples=["1"])
    total_motion: _Value = Field(None, examples=["12.5"])
    average_motion_per_frame: _Value = Field(None, examples=["0.31"])
    drift_plot_full_path: _Value = Field(None, examples=["/data/1_drift.png"])
    micrograph_full_path: _Value = Field(None, examples=["/data/1.mrc"])
    micrograph_snapshot_full_path: _Value = Field(None, examples=["/data/1.png"])
    corrected_dose_micrograph_full_path: _Value = Field(None, examples=["/data/1_dw.mrc"])
    patches_used: _Value = Field(None, examples=["5"])
    log_file_full_path: _Value = Field(None, examples=["/data/1.log"])


class Ctf(Sent):
    """The contrast transfer function that was estimated."""

    spectra_image_thumbnail_full_path: _Value = Field(None, examples=["/data/1_ctf.png"])
    spectra_image_full_path: _Value = Field(None, examples=["/data/1_ctf.mrc"])
    defocus_u: _Value = Field(None, alias="defocusU", examples=["15000"])
    defocus_v: _Value = Field(None, alias="defocusV", examples=["14800"])
    angle: _Value = Field(None, examples=["45.1"])
    cross_correlation_coefficient: _Value = Field(None, examples=["0.1"])
    resolution_limit: _Value = Field(None, examples=["3.2"])
    estimated_bfactor: _Value = Field(None, examples=["80"])
    log_file_path: _Value = Field(None, examples=["/data/1_ctf.log"])


class MovieCreate(Sent):
    """What is known of a movie."""

    movie_number: Annotated[int, Field(ge=0, le=MAX_INT)]
    movie_full_path: _Value = Field(None, examples=["/data/1.tiff"])
    position_x: _Value = Field(None, alias="positionX", examples=["0.00012"])
    position_y: _Value = Field(None, alias="positionY", examples=["0.00034"])
    micrograph_full_path: _Value = Field(None, examples=["/data/1.mrc"])
    micrograph_snapshot_full_path: _Value = Field(None, examples=["/data/1.png"])
    xml_meta_data_full_path: _Value = Field(None, examples=["/data/1.xml"])
    dose_per_image: _Value = Field(None, examples=["44"])
    motion_correction: MotionCorrection | None = Field(None, alias="MotionCorrection")
    ctf: Ctf | None = Field(None, alias="CTF")


class Movies(Sent):
    """What is known of movies of a data collection, by their numbers there."""

    movies: Annotated[list[MovieCreate], Field(min_length=1, max_length=_MOST)]


class MoviesRecorded(Model):
    """How many movies were new, and of how many more is known now."""

    added: int
    changed: int


class PerImageAnalysis(Model):
    """What was measured of images: columns of equal length, with null for what was not measured."""

    data_collection_id: int | None
    image_number: list[int]
    total_integrated_signal: list[None]
    good_bragg_candidates: list[None]
    method2_res: list[float | None] = Field(alias="method2Res")


@routes.post(
    "/em/datacollections/<collection_id>/movies",
    permits="user",
    raises=(404,),
    max_bytes=LIST_BODY,
    is_event=False,
)
def record_movies(access: UserAccess, collection_id: int, body: Movies) -> MoviesRecorded:
    """Hand in what is known of movies; what is not sent of one stays as it is."""
    records = [
        MovieRecord(
            number=one.movie_number,
            details=_sent(one, "movie_number", "motion_correction", "ctf"),
            motion_correction=None
            if one.motion_correction is None
            else _sent(one.motion_correction),
            ctf=None if one.ctf is None else _sent(one.ctf),
        )
        for one in body.movies
    ]
    with access.database.transaction() as session:
        viewer = viewer_of(access, session)
        added, changed = movies.record(session, viewer, collection_id, records)
    return MoviesRecorded(added=added, changed=changed)


@quality.get("/datacollections/quality", permits="user")
def get_per_image_analysis(access: UserAccess, query: WhichAttachments) -> Part[PerImageAnalysis]:
    """Tell what was measured of the movies of data collections, in columns of equal length."""
    which = CollectionFilter(
        collection_id=query.data_collection_id, group_id=query.data_collection_group_id
    )
    with looking(access) as (session, viewer):
        found = movies.resolutions(session, viewer, query.window, which)
    unknown: list[None] = [None] * len(found.rows)
    analysis = PerImageAnalysis(
        data_collection_id=query.data_collection_id,
        image_number=[number for number, _ in found.rows],
        total_integrated_signal=unknown,
        good_bragg_candidates=unknown,
        method2_res=[resolution for _, resolution in found.rows],
    )
    return Part([analysis], found.total)


@quality.get(
    "/datacollections/images/quality/<collection_id>",
    permits="user",
    raises=(404,),
    media=("image/png",),
)
def get_datacollection_analysis_image(access: UserAccess, collection_id: int) -> Response:
    """Get a plot of what was measured of the movies of a data collection."""
    with looking(access) as (session, viewer):
        plot = movie_pictures.plot_resolutions(session, viewer, collection_id)
    return Response(plot, mimetype="image/png")


def _sent(model: Sent, *without: str) -> dict[str, Any]:
    return model.model_dump(by_alias=True, exclude_unset=True, exclude=set(without))
