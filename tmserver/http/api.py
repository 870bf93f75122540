"""Interfaces (APIs) of the server: where each one lies, and how it looks over HTTP.

What is served knows nothing of this. Views take numbers and models, return models, and raise the
errors of the product; how that looks over HTTP is decided by the `Api` that they belong to.
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
    """One of several interfaces that the server offers side by side.

    Attributes
    ----------
    name
        One word, unique among the interfaces.
    title, description
        For its OpenAPI document.
    resources
        Its routes.
    document_path
        Where its OpenAPI document lies.
    errors
        The form of its errors.
    prefix
        Where the paths of its resources begin.
    roots
        Paths for which it answers, and all below them: the prefix if not given. Of several
        interfaces, the one with the longest matching root answers.
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
        Largest body, and most values in it, unless a route declares others.
    examples
        For the OpenAPI document.
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
        """Length of the longest root that a path begins with; -1 if there is none."""
        lengths = [
            len(root)
            for root in self.roots or (self.prefix,)
            if path == root or path.startswith(f"{root}/")
        ]
        return max(lengths, default=-1)


class Apis:
    """The interfaces of a server; the first one answers for paths that belong to none."""

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
