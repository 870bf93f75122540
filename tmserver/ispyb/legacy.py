"""What clients of ISPyB's Java server ask of sessions, proposals and movies."""

import re
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from tmlib.facility import legacy, movies
from tmlib.facility.acquisitions import CollectionFilter
from tmlib.facility.visibility import Viewer
from tmserver.http.schemas import MAX_INT
from tmserver.http.validation import InvalidRequestError, cut
from tmserver.ispyb.legacy_routes import LegacyRoutes

routes = LegacyRoutes("Legacy")

_DATE = "%Y%m%d"
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)


@routes.answers("/sessions", "/session/list", raises=(400,))
def get_legacy_sessions(session: Session, viewer: Viewer) -> Any:
    """List sessions."""
    return legacy.list_sessions(session, viewer)


@routes.answers(
    "/sessions/date/<start>/<end>", "/proposal/session/date/<start>/<end>/list", raises=(400, 422)
)
def get_legacy_sessions_of_dates(session: Session, viewer: Viewer, start: str, end: str) -> Any:
    """List sessions that overlap the time between two days, both written like 20260314."""
    first = datetime.combine(_day("start", start), time.min, UTC)
    last = datetime.combine(_day("end", end), time.max, UTC)
    return legacy.list_sessions(session, viewer, span=(first, last))


@routes.answers("/sessions/proposal/<proposal>", "/proposal/<proposal>/session/list", raises=(400,))
def get_legacy_sessions_of_proposal(session: Session, viewer: Viewer, proposal: str) -> Any:
    """List the sessions of a proposal, by its name or number."""
    return legacy.list_sessions(session, viewer, proposal=proposal)


@routes.answers("/proposals", "/proposal/list", raises=(400,))
def get_legacy_proposals(session: Session, viewer: Viewer) -> Any:
    """List proposals."""
    return legacy.list_proposals(session, viewer)


@routes.answers(
    "/proposals/<proposal>", "/proposal/<proposal>/info/get", dict[str, dict[str, Any] | None]
)
def get_legacy_proposal(session: Session, viewer: Viewer, proposal: str) -> Any:
    """Get a proposal by its name or number; null if there is none."""
    return {"proposal": legacy.describe_proposal(session, viewer, proposal)}


@routes.answers(
    "/em/proposal/<proposal>/datacollection/<collection_id>/movies",
    "/proposal/<proposal>/em/datacollection/<collection_id>/movie/all",
)
def get_legacy_movies(session: Session, viewer: Viewer, proposal: str, collection_id: int) -> Any:
    """List the movies of a data collection, with their motion correction and CTF."""
    found = legacy.find_proposal(session, viewer, proposal)
    return [] if found is None else movies.list_movies(session, viewer, found.id, collection_id)


@routes.answers(
    "/em/session/<session_id>/stats", "/proposal/<proposal>/em/session/<session_id>/stats"
)
def get_legacy_movies_of_session(
    session: Session, viewer: Viewer, session_id: int, proposal: str | None = None
) -> Any:
    """List the movies of a session with what was measured."""
    found = None if proposal is None else legacy.find_proposal(session, viewer, proposal)
    if proposal is not None and found is None:
        return []
    return movies.list_of_session(session, viewer, session_id, None if found is None else found.id)


@routes.answers(
    "/em/proposal/<proposal>/data_collections/<collection_ids>/stats",
    "/proposal/<proposal>/data_collections/<collection_ids>/stats",
    token_in_query=True,
    raises=(422,),
)
def count_legacy_movies(
    session: Session, viewer: Viewer, proposal: str, collection_ids: str
) -> Any:
    """Count the movies of data collections, whose numbers are a list with commas."""
    numbers = _numbers("collection_ids", collection_ids)
    found = legacy.find_proposal(session, viewer, proposal)
    return [] if found is None else movies.count(session, viewer, found.id, numbers)


@routes.answers(
    "/em/proposal/<proposal>/data_collections_group/<collection_group_id>/stats",
    "/proposal/<proposal>/data_collections_group/<collection_group_id>/stats",
    token_in_query=True,
)
def count_legacy_movies_of_group(
    session: Session, viewer: Viewer, proposal: str, collection_group_id: int
) -> Any:
    """Count the movies of the data collections of a group."""
    which = CollectionFilter(group_id=collection_group_id)
    found = legacy.find_proposal(session, viewer, proposal)
    return [] if found is None else movies.count(session, viewer, found.id, which)


def _numbers(name: str, text: str) -> list[int]:
    parts = text.split(",")
    if not all(map(_NUMBER.fullmatch, parts)) or max(map(int, parts)) > MAX_INT:
        message = f'"{cut(text)}" is no list of numbers: write it like 1,2.'
        raise InvalidRequestError.at(
            "path", name, message, kind="value_error", given=cut(text)
        ) from None
    return [int(part) for part in parts]


def _day(name: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, _DATE).replace(tzinfo=UTC)
    except ValueError:
        message = f'"{cut(text)}" is no day: write it like 20260314.'
        raise InvalidRequestError.at(
            "path", name, message, kind="value_error", given=cut(text)
        ) from None
