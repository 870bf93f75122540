"""Operations: declared views, bound to the interface that serves them."""

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from flask import Response, current_app, request
from pydantic import BaseModel, TypeAdapter

from tmlib.errors import BadInput
from tmserver.access import Access, current_services
from tmserver.audit_trail import audit_entry
from tmserver.authentication import READING_METHODS
from tmserver.http.api import Api
from tmserver.http.paging import Part
from tmserver.http.parameters import Sent, parse_body, parse_headers, parse_query, read_form
from tmserver.http.routing import LARGE_BODY, Declaration
from tmserver.http.schemas import Bare
from tmserver.http.validation import InvalidRequestError, cut
from tmserver.permissions import authorize


@dataclass(eq=False, kw_only=True)
class Operation(Declaration):
    """A declared view as an interface serves it. Flask calls it for each request.

    Attributes
    ----------
    api
        The interface, which decides how requests are read and answers written.
    query, headers, body
        Models of what the view takes, if it takes any.
    answer
        Serializes what the view returns; None if that is a response already.
    is_bare
        Whether the answer is sent without the envelope of the interface.
    is_event
        Whether requests are entered in the audit trail.
    """

    api: Api

    def __post_init__(self) -> None:
        super().__post_init__()
        self.paths = tuple(f"{self.api.prefix}{path}" for path in self.paths)
        self._variable = (self.scope and self.scope.variable) or ""
        hints = get_type_hints(self.view, include_extras=True)
        self.query: type[BaseModel] | None = hints.get("query")
        self.headers: type[BaseModel] | None = hints.get("headers")
        self.body: type[BaseModel] | None = _without(hints.get("body"), NoneType)
        returned = _without(hints["return"], Response)
        self._is_part = get_origin(returned) is Part
        if self._is_part:
            returned = self.api.paging.answer_type(*get_args(returned))
        is_class = inspect.isclass(returned)
        is_raw = is_class and issubclass(returned, Response)
        self.answer: TypeAdapter[Any] | None = None if is_raw else TypeAdapter(returned)
        self.is_bare = self.api.envelope is None or (is_class and issubclass(returned, Bare))
        self.reads = self.method in READING_METHODS or self.takes_form or self.only_reads
        self.is_event = self.is_event and not self.reads
        brings_files = self.takes_file or self.takes_bytes or self.file_types
        self.takes_body = bool(brings_files or self.takes_form or self.body is not None)
        self.max_bytes = self.max_bytes or (LARGE_BODY if brings_files else self.api.max_bytes)
        self.max_items = self.max_items or self.api.max_items

    def __call__(self, **variables: str) -> Response:
        """Authorize and parse the present request, call the view, and write its answer."""
        if self.is_event:
            audit_entry().begin(self.view.__name__, variables)
        access = self.authorize()
        variables.pop(self._variable, None)
        request.max_content_length = self.max_bytes
        arguments: dict[str, Any] = {
            name: self._decode(name, value) if name in self.ids else value
            for name, value in variables.items()
        }
        if self.query is not None:
            arguments["query"] = parse_query(self.query, self._sent(), self.api.parameters)
        if self.headers is not None:
            arguments["headers"] = parse_headers(self.headers)
        if self.body is not None:
            arguments["body"] = self._read_body(self.body)
            if self.is_event:
                audit_entry().takes(arguments["body"])
        result = self.view(access, **arguments)
        if self.answer is None or isinstance(result, Response):
            return result  # type: ignore[no-any-return] # the view returns a response itself
        if self._is_part:
            result = self.api.paging.answer(result, arguments.get("query"))
        content = self.answer.dump_json(result)
        if not self.is_bare:
            content = b'{"%b":%b}' % (str(self.api.envelope).encode(), content)
        return Response(content, self.success[0], mimetype="application/json")

    def authorize(self) -> Access:
        """Make sure that whoever sent the present request may do this, also while it lasts.

        Raises
        ------
        NotLoggedIn, NotFound, Forbidden
            As :func:`tmserver.permissions.authorize`.
        """
        return authorize(
            current_services(),
            self.permission,
            (request.view_args or {}).get(self._variable),
            reads=self.reads,
            decode=self._decode_resource,
            identify=self.api.credentials.identify,
        )

    def _sent(self) -> Sent:
        return read_form(self.max_items) if self.takes_form else request.args.to_dict(flat=False)

    def _read_body(self, model: type[BaseModel]) -> BaseModel | None:
        if request.mimetype in self.file_types:
            return None
        return parse_body(model, self.max_items, any_content_type=self.api.any_content_type)

    def _decode_resource(self, text: str) -> int | str:
        if self._variable in self.ids:
            return self._decode(self._variable, text)
        return self.scope.key_of(text) if self.scope else text

    def _decode(self, name: str, text: str) -> int:
        try:
            return self.api.ids.decode(text)
        except BadInput as error:
            raise InvalidRequestError.at(
                "path", name, error.message, kind="int_parsing", given=cut(text)
            ) from None


def current_operation() -> Operation:
    """The operation that the present request asks for."""
    return cast(Operation, current_app.view_functions[str(request.endpoint)])


@functools.cache
def operations_of(api: Api) -> Sequence[Operation]:
    """All operations of an interface, in the order of their declaration."""
    return tuple(
        Operation(api=api, **{field.name: getattr(declaration, field.name) for field in _FIELDS})
        for routes in api.resources
        for declaration in routes.declarations
    )


_FIELDS = fields(Declaration)


def _without(hint: Any, alternative: type) -> Any:
    """The rest of a union that has this alternative, else the annotation as it is."""
    options = get_args(hint) if isinstance(hint, UnionType) else ()
    rest = [option for option in options if option is not alternative]
    return rest[0] if len(rest) == 1 and len(options) == 2 else hint
