"""Arrays of files that belong to data collections, as h5grove serves them."""

from collections.abc import Iterator
from typing import Any, Literal

from flask import Response
from pydantic import Field, RootModel
from werkzeug.http import dump_options_header

from tmlib.errors import NotFound
from tmlib.facility.arrays import service
from tmlib.facility.arrays.entities import JSON, MEDIA_TYPES
from tmlib.facility.arrays.service import ArrayProblem, Sending, What
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Text
from tmserver.http.validation import InvalidRequestError, cut
from tmserver.ispyb.forms import Model, Number, Query
from tmserver.ispyb.looking import looking

routes = Routes("Data")

_BLOCK = 1 << 20
_FORMS = tuple(form for form in MEDIA_TYPES if form != JSON)


class WhichArray(Query):
    """Asks for what is at a path in the file of a data collection."""

    path: Text = "/"
    auto_proc_program_attachment_id: Number | None = None
    robot_action_id: Number | None = None
    data_collection_id: Number | None = None


class WhichAttributes(WhichArray):
    """Asks for attributes, or for all."""

    attr_keys: list[Text] | None = Field(None, alias="attr_keys")


class WhichData(WhichArray):
    """Asks for values; a selection is a number or range for each dimension, such as 0:2,1."""

    dtype: Literal["origin", "safe"] = "origin"
    format: Literal["json", "bin", "csv", "npy", "tiff"] = "json"
    flatten: bool = False
    selection: Text | None = None


class WhichMetadata(WhichArray):
    """Asks what something is like."""

    resolve_links: Literal["only_valid", "all", "none"] = Field("only_valid", alias="resolve_links")


class WhichStatistics(WhichArray):
    """Asks for statistics of values."""

    selection: Text | None = None


class ArrayValues(RootModel[list[Any] | bool | float | str | None]):
    """Values, in lists of lists for each dimension."""


class ArrayStatistics(Model):
    """What values are like; null where there are none."""

    strict_positive_min: float | None = Field(alias="strict_positive_min")
    positive_min: float | None = Field(alias="positive_min")
    min: float | None
    max: float | None
    mean: float | None
    std: float | None


@routes.get("/data/h5grove/attr/", permits="user", raises=(404,))
def get_array_attributes(access: UserAccess, query: WhichAttributes) -> dict[str, Any] | Response:
    """Get the values of attributes."""
    return _sent(_ask(access, "attributes", query, names=query.attr_keys))


@routes.get("/data/h5grove/data/", permits="user", raises=(404,), media=_FORMS)
def get_array_data(access: UserAccess, query: WhichData) -> ArrayValues | Response:
    """Get values of a dataset, as JSON, plain bytes or a file."""
    return _sent(
        _ask(
            access,
            "data",
            query,
            selection=query.selection,
            dtype=query.dtype,
            form=query.format,
            flatten=query.flatten,
        )
    )


@routes.get("/data/h5grove/meta/", permits="user", raises=(404,))
def get_array_metadata(access: UserAccess, query: WhichMetadata) -> dict[str, Any] | Response:
    """Tell what a group holds, or what a dataset is like."""
    return _sent(_ask(access, "metadata", query, links=query.resolve_links))


@routes.get("/data/h5grove/stats/", permits="user", raises=(404,))
def get_array_statistics(access: UserAccess, query: WhichStatistics) -> ArrayStatistics | Response:
    """Get the least, largest and mean value of a dataset, and their spread."""
    return _sent(_ask(access, "statistics", query, selection=query.selection))


def _ask(access: UserAccess, what: What, query: WhichArray, **arguments: Any) -> Sending:
    others = (query.auto_proc_program_attachment_id, query.robot_action_id)
    # what jobs print and what robots do comes without arrays
    if query.data_collection_id is None or others != (None, None):
        raise NotFound("File not found")
    settings = access.settings
    with looking(access) as (session, viewer):
        file = service.open_file(
            session,
            viewer,
            query.data_collection_id,
            roots=settings.facility_roots,
            data_dir=settings.data_dir,
        )
    try:
        with file:
            return service.ask(file, what, query.path, arguments)
    except ArrayProblem as problem:
        value = getattr(query, problem.parameter)
        given = cut(str(value))
        named = problem.parameter if value is None else f'{problem.parameter} "{given}"'
        message = f"The {named} {problem}."
        raise InvalidRequestError.at(
            "query", problem.parameter, message, kind="unfit", given=given
        ) from None


def _sent(sending: Sending) -> Response:
    answer = Response(_parts(sending), mimetype=sending.media_type)
    answer.content_length = sending.size
    answer.call_on_close(sending.content.close)
    if sending.file_name is not None:
        named = dump_options_header("attachment", {"filename": sending.file_name})
        answer.headers["Content-Disposition"] = named
    return answer


def _parts(sending: Sending) -> Iterator[bytes]:
    while part := sending.content.read(_BLOCK):
        yield part
