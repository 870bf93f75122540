"""Movies of electron microscopes, with what was corrected and estimated from them.

Programs that process movies hand in what they know of each, as often as they know more.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnElement, ForeignKey, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db import Base, Timestamps
from tmlib.errors import NotFound
from tmlib.experiments.models import Acquisition
from tmlib.facility import acquisitions, pages
from tmlib.facility.acquisitions import Collection, CollectionFilter
from tmlib.facility.moments import without_zone
from tmlib.facility.pages import Page, Window
from tmlib.facility.visibility import Viewer, require_work

MOVIE = (
    *("movieFullPath", "positionX", "positionY", "micrographFullPath"),
    *("micrographSnapshotFullPath", "xmlMetaDataFullPath", "dosePerImage"),
)
MOTION_CORRECTION = (
    *("firstFrame", "lastFrame", "dosePerFrame", "doseWeight", "totalMotion"),
    *("averageMotionPerFrame", "driftPlotFullPath", "micrographFullPath"),
    *("micrographSnapshotFullPath", "correctedDoseMicrographFullPath", "patchesUsed"),
    "logFileFullPath",
)
CTF = (
    *("spectraImageThumbnailFullPath", "spectraImageFullPath", "defocusU", "defocusV", "angle"),
    *("crossCorrelationCoefficient", "resolutionLimit", "estimatedBfactor", "logFilePath"),
)

# what programs hand in is any text; of these, no number is infinite
_NUMBER = r"[-+]?([0-9]{1,15}\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?"


class Movie(Timestamps, Base):
    """A movie of an acquisition, by its number there.

    ``details``, ``motion_correction`` and ``ctf`` have the fields `MOVIE`, `MOTION_CORRECTION` and
    `CTF`, as far as they are known; the latter two are null before the step was done.
    """

    __tablename__ = "movies"
    __table_args__ = (UniqueConstraint("acquisition_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    acquisition_id: Mapped[int] = mapped_column(ForeignKey("acquisitions.id", ondelete="CASCADE"))
    number: Mapped[int]
    details: Mapped[dict[str, Any]]
    motion_correction: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    ctf: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class MovieRecord(NamedTuple):
    """What is handed in of a movie; a step that is None was not done, or is known already."""

    number: int
    details: Mapping[str, Any]
    motion_correction: Mapping[str, Any] | None
    ctf: Mapping[str, Any] | None


def record(
    session: Session, viewer: Viewer, collection_id: int, records: Sequence[MovieRecord]
) -> tuple[int, int]:
    """Keep what is known of movies; how many are new, and of how many more is known.

    Raises
    ------
    NotFound
        If there is no such data collection, or it is hidden.
    Forbidden
        If somebody does not work for its proposal.
    """
    collections = acquisitions.describe(session, viewer, Acquisition.id == collection_id)
    if not collections:
        raise NotFound("Data collection not found")
    require_work(session, viewer, collections[0].proposal_id)
    # one at a time, so that two who know more of a movie neither both add it nor lose anything
    locked = select(Acquisition.id).where(Acquisition.id == collection_id)
    if session.scalar(locked.with_for_update(key_share=True)) is None:
        raise NotFound("Data collection not found")
    query = select(Movie).where(
        Movie.acquisition_id == collection_id,
        Movie.number.in_([one.number for one in records]),
    )
    known = {movie.number: movie for movie in session.scalars(query)}
    n_known = len(known)
    for one in records:
        movie = known.get(one.number)
        if movie is None:
            movie = Movie(acquisition_id=collection_id, number=one.number, details={})
            known[one.number] = movie
            session.add(movie)
        movie.details = {**movie.details, **one.details}
        if one.motion_correction is not None:
            movie.motion_correction = {**(movie.motion_correction or {}), **one.motion_correction}
        if one.ctf is not None:
            movie.ctf = {**(movie.ctf or {}), **one.ctf}
    session.flush()
    return len(known) - n_known, n_known


def list_movies(
    session: Session, viewer: Viewer, proposal_id: int, collection_id: int
) -> list[dict[str, Any]]:
    """The movies of a data collection, as rows of `v_em_movie`."""
    found = _collections(session, viewer, proposal_id, Acquisition.id == collection_id)
    return [_whole(collection, movie) for collection, movie in _movies(session, found)]


def list_of_session(
    session: Session, viewer: Viewer, booking_id: int, proposal_id: int | None = None
) -> list[dict[str, Any]]:
    """The movies of a session, as rows of `v_em_stats`."""
    which = acquisitions.conditions(session, CollectionFilter(booking_id=booking_id))
    found = _collections(session, viewer, proposal_id, *which)
    return [_statistics(collection, movie) for collection, movie in _movies(session, found)]


def count(
    session: Session, viewer: Viewer, proposal_id: int, which: CollectionFilter | Sequence[int]
) -> list[dict[str, int]]:
    """Numbers of movies, and of those that were processed, of data collections or of a group."""
    if isinstance(which, CollectionFilter):
        chosen = acquisitions.conditions(session, which)
    else:
        chosen = [Acquisition.id.in_(which)]
    found = _collections(session, viewer, proposal_id, *chosen)
    query = (
        select(
            Movie.acquisition_id,
            func.count(),
            func.count(Movie.motion_correction),
            func.count(Movie.ctf),
        )
        .where(Movie.acquisition_id.in_([one.id for one in found]))
        .group_by(Movie.acquisition_id)
    )
    counts = {number: rest for number, *rest in session.execute(query)}
    names = ("movieCount", "motionCorrectionCount", "ctfCorrectionCount")
    return [
        {"dataCollectionId": one.id, **dict(zip(names, counts.get(one.id, (0, 0, 0)), strict=True))}
        for one in found
    ]


def resolutions(
    session: Session, viewer: Viewer, window: Window, which: CollectionFilter
) -> Page[tuple[int, float | None]]:
    """Numbers of the movies of data collections, with the resolution up to which the CTF fits."""
    query = (
        acquisitions.visible(viewer, Movie.number, Movie.ctf)
        .join(Movie, Movie.acquisition_id == Acquisition.id)
        .where(*acquisitions.conditions(session, which))
        .order_by(Movie.acquisition_id, Movie.number)
    )
    found = pages.read(session, query, window)
    return Page([(number, _resolution(ctf or {})) for number, ctf in found.rows], found.total)


def measured(session: Session, collection_ids: Sequence[int]) -> set[int]:
    """Which data collections have movies whose resolution is known."""
    resolution = Movie.ctf["resolutionLimit"].as_string()
    query = select(Movie.acquisition_id).where(
        Movie.acquisition_id.in_(collection_ids), resolution.regexp_match(f"^{_NUMBER}$")
    )
    return set(session.scalars(query.distinct()))


def _resolution(ctf: Mapping[str, Any]) -> float | None:
    text = str(ctf.get("resolutionLimit"))
    return float(text) if re.fullmatch(_NUMBER, text) else None


def _collections(
    session: Session, viewer: Viewer, proposal_id: int | None, *which: ColumnElement[bool]
) -> list[Collection]:
    found = acquisitions.describe(session, viewer, *which)
    return [one for one in found if proposal_id in (None, one.proposal_id)]


def _movies(session: Session, found: Sequence[Collection]) -> list[tuple[Collection, Movie]]:
    collections = {one.id: one for one in found}
    query = select(Movie).where(Movie.acquisition_id.in_(collections))
    movies = session.scalars(query.order_by(Movie.acquisition_id, Movie.number))
    return [(collections[movie.acquisition_id], movie) for movie in movies]


def _whole(collection: Collection, movie: Movie) -> dict[str, Any]:
    # a movie has one correction and one estimate here, which have its number
    corrected = movie.id if movie.motion_correction is not None else None
    estimated = movie.id if movie.ctf is not None else None
    return {
        "Movie_movieId": movie.id,
        "Movie_dataCollectionId": movie.acquisition_id,
        "Movie_movieNumber": movie.number,
        **_named("Movie", MOVIE, movie.details),
        "Movie_createdTimeStamp": without_zone(movie.created_at),
        "MotionCorrection_motionCorrectionId": corrected,
        "MotionCorrection_movieId": corrected,
        **_named("MotionCorrection", MOTION_CORRECTION, movie.motion_correction),
        "CTF_CTFid": estimated,
        "CTF_motionCorrectionId": estimated,
        **_named("CTF", CTF, movie.ctf),
        "CTF_createdTimeStamp": None if estimated is None else without_zone(movie.updated_at),
        "Proposal_proposalId": collection.proposal_id,
        "BLSession_sessionId": collection.booking_id,
    }


def _statistics(collection: Collection, movie: Movie) -> dict[str, Any]:
    motion, ctf = movie.motion_correction or {}, movie.ctf or {}
    of_motion = ("totalMotion", "averageMotionPerFrame", "lastFrame", "dosePerFrame")
    of_ctf = ("defocusU", "defocusV", "resolutionLimit", "estimatedBfactor", "angle")
    return {
        "proposalId": collection.proposal_id,
        "sessionId": collection.booking_id,
        "imageDirectory": collection.folder,
        "movieId": movie.id,
        "movieNumber": movie.number,
        "createdTimeStamp": without_zone(movie.created_at),
        "motionCorrectionId": movie.id if movie.motion_correction is not None else None,
        "dataCollectionId": movie.acquisition_id,
        **{name: motion.get(name) for name in of_motion},
        **{name: ctf.get(name) for name in of_ctf},
    }


def _named(table: str, fields: Sequence[str], values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {f"{table}_{name}": (values or {}).get(name) for name in fields}
