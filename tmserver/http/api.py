"""An interface that the server offers: where it lies, and in which forms it speaks.

What is served knows nothing of this. Views take numbers and models, return models, and raise the
errors of the product; how that looks over HTTP is the matter of the `Api` that they belong to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, current_app, request

from tmserver.http.cors import Cors
from tmserver.http.credentials import LOGINS_AND_TOKENS, Credentials
from tmserver.http.error_forms import ErrorForm
from tmserver.http.examples import Examples
from tmserver.http.id_forms import IdForm, PlainIds
from tmserver.http.paging import Paging, PlainLists
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes
from tmserver.serving.limits import SMALL_BODY

_APIS = "tmserver.apis"


@dataclass(frozen=True, eq=False, kw_only=True)
class Api:
    """One interface of several that the server offers side by side.

    Attributes
    ----------
    name
        One word, different from all others'.
    title, description
        What it is for, in its OpenAPI document.
    resources
        What it serves.
    document_path
        Where its OpenAPI document lies.
    errors
        The form of its errors.
    prefix
        Where the paths of its resources begin.
    roots
        Where it answers for what is not there: the prefix if not given. Of several interfaces, the
        one with the longest root answers.
    envelope
        The key under which answers stand, unless their models are `Bare`; None if there is none.
    ids
        The form of ids in paths: of the variables that views take as numbers.
    paging
        The form of a part of a list.
    parameters
        How queries are read.
    credentials
        How requests prove who has sent them.
    cors
        Which other sites' pages may use it.
    any_content_type
        Whether bodies are taken for JSON whatever their header says.
    max_bytes, max_items
        Largest body, and most values in it, of what declares nothing else.
    examples
        What the examples of the OpenAPI document are made of.
    """

    name: str
    title: str
    description: str
    resources: Sequence[Routes]
    document_path: str
    errors: ErrorForm
    prefix: str = ""
    roots: tuple[str, ...] = ()
    envelope: str | None = None
    ids: IdForm = field(default_factory=PlainIds)
    paging: Paging = field(default_factory=PlainLists)
    parameters: ParameterRules = field(default_factory=ParameterRules)
    credentials: Credentials = LOGINS_AND_TOKENS
    cors: Cors | None = None
    any_content_type: bool = False
    max_bytes: int = SMALL_BODY
    max_items: int = 1_000_000
    examples: Examples = field(default_factory=Examples)

    def answers_for(self, path: str) -> int:
        """How much of a path is this interface's; -1 if it is another's."""
        lengths = [
            len(root)
            for root in self.roots or (self.prefix,)
            if path == root or path.startswith(f"{root}/")
        ]
        return max(lengths, default=-1)


class Apis:
    """The interfaces of a server; the first one answers for what is no other's."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self.all = tuple(apis)

    def at(self, path: str) -> Api:
        """The interface that answers for a path."""
        return max(self.all, key=lambda api: api.answers_for(path))

    def add_to(self, app: Flask) -> None:
        """Let `of_application` and `current_api` find them."""
        app.extensions[_APIS] = self

    @staticmethod
    def of_application(app: Flask) -> "Apis":
        """Those that an application serves."""
        return cast(Apis, app.extensions[_APIS])


def current_api() -> Api:
    """The interface that answers the present request."""
    return Apis.of_application(current_app).at(request.path)
