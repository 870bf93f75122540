"""What clients of ISPyB's Java server ask of groups of data collections, and pictures of movies."""

from collections.abc import Callable
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tmlib.facility import legacy, legacy_groups, movie_pictures
from tmlib.facility.movie_pictures import MEDIA_TYPES, MoviePicture, Shows
from tmlib.facility.visibility import Viewer
from tmserver.access import UserAccess
from tmserver.http.opened_files import send_opened
from tmserver.ispyb.legacy_routes import Answer, LegacyRoutes

routes = LegacyRoutes("Legacy")


@routes.answers(
    "/data_collections/groups/session/<session_id>", "/proposal/session/<session_id>/list"
)
def get_legacy_groups(session: Session, viewer: Viewer, session_id: int) -> Any:
    """List the groups of data collections of a session."""
    return legacy_groups.list_groups(session, viewer, session_id)


@routes.answers(
    "/em/proposal/<proposal>/session/<session_id>/data_collections/groups",
    "/proposal/<proposal>/em/datacollection/session/<session_id>/list",
)
def get_legacy_groups_with_movies(
    session: Session, viewer: Viewer, proposal: str, session_id: int
) -> Any:
    """List the groups of data collections of a session, with numbers of their movies."""
    found = legacy.find_proposal(session, viewer, proposal)
    if found is None:
        return []
    return legacy_groups.list_groups(session, viewer, session_id, found.id)


@routes.answers(
    "/em/session/<session_id>/classification",
    "/proposal/<proposal>/em/session/<session_id>/classification",
)
def get_legacy_classification(
    session: Session,
    viewer: Viewer,
    session_id: int,
    proposal: str | None = None,
) -> Any:
    """List classes of particles, which nothing here tells of: none."""
    return []


def _path(_: UserAccess, picture: MoviePicture) -> str:
    return picture.path


def _file(access: UserAccess, picture: MoviePicture) -> Response:
    file = movie_pictures.open_file(picture, access.settings.facility_roots)
    return send_opened(file, MEDIA_TYPES[file.path.suffix])


def _picture(
    session: Session, viewer: Viewer, shows: Shows, proposal: str, **which: int
) -> MoviePicture:
    found = legacy.find_proposal(session, viewer, proposal)
    number = None if found is None else found.id
    return movie_pictures.find_picture(session, viewer, number, shows, **which)


def _places(by_header: str, by_token: str) -> Callable[[Answer], Answer]:
    return routes.pictures(
        f"/em/proposal/<proposal>/movie/<movie_id>/{by_header}",
        f"/proposal/<proposal>/em/datacollection/<collection_id>/movie/<movie_id>/{by_token}",
        _path,
        _file,
        tuple(sorted(set(MEDIA_TYPES.values()))),
    )


@_places("thumbnail", "thumbnail")
def get_legacy_movie_thumbnail(session: Session, viewer: Viewer, **which: Any) -> Any:
    """Get the picture of a movie; with the token in the header, its path alone."""
    return _picture(session, viewer, "movie", **which)


@_places("thumbnail/motioncorrection", "motioncorrection/thumbnail")
def get_legacy_motion_thumbnail(session: Session, viewer: Viewer, **which: Any) -> Any:
    """Get the picture of a corrected movie; with the token in the header, its path alone."""
    return _picture(session, viewer, "motion_correction", **which)


@_places("thumbnail/ctf", "ctf/thumbnail")
def get_legacy_ctf_thumbnail(session: Session, viewer: Viewer, **which: Any) -> Any:
    """Get the picture of a movie's spectrum; with the token in the header, its path alone."""
    return _picture(session, viewer, "ctf", **which)


@_places("plot/motioncorrectiondrift", "motioncorrection/drift")
def get_legacy_drift_plot(session: Session, viewer: Viewer, **which: Any) -> Any:
    """Get the plot of the motion in a movie; with the token in the header, its path alone."""
    return _picture(session, viewer, "drift", **which)
