"""Signed URLs, for programs that cannot send a header: images, tiles, downloads."""

from datetime import datetime
from typing import Annotated
from urllib.parse import unquote

from flask import current_app
from pydantic import Field
from werkzeug.exceptions import HTTPException

from tmlib.errors import BadInput
from tmlib.ids import decode_id
from tmserver.access import ExperimentAccess
from tmserver.authentication import SIGNATURE, end_of_signature, sign
from tmserver.http.operations import Operation
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import Body, Schema, Text
from tmserver.permissions import SIGNED
from tmserver.scopes import EXPERIMENT

routes = Routes("signed_url", scope=EXPERIMENT)

_EXAMPLE = "/api/experiments/MQ==/channel_layers/MQ==/tiles"


class SigningRequest(Body):
    """Paths below an experiment, and for how long they shall be open.

    The signature is good for a path with any query: one for all tiles of a layer.
    """

    paths: Annotated[list[Text], Field(min_length=1, max_length=1000, examples=[[_EXAMPLE]])]
    seconds: Annotated[int, Field(ge=1, le=24 * 3600)] = 600


class SignedUrl(Schema):
    """A path that can be read without a token until it expires; add parameters with "&"."""

    path: str = Field(examples=[_EXAMPLE])
    url: str = Field(examples=[f"{_EXAMPLE}?{SIGNATURE}=WzEsMCwxNzY5ODYwMjAwXQ.c2lnbmF0dXJl"])
    expires_at: datetime = Field(examples=["2026-01-31T12:10:00Z"])


@routes.post("/signed-urls", permits="read", max_bytes=PROJECT_BODY, is_event=False)
def sign_urls(access: ExperimentAccess, body: SigningRequest) -> list[SignedUrl]:
    """Sign paths, so that whoever has the URL can read them as you, for a short time.

    They end earlier when the login or token that this request is sent with ends, when you change
    your password or may no longer read the experiment.
    """
    expires_at = end_of_signature(access.proof, body.seconds)
    signed = []
    for path in body.paths:
        pure, _, query = path.partition("?")
        pure = unquote(pure)
        _check(pure, access.experiment_id)
        signature = sign(pure, access.proof, expires_at)
        separator = "&" if query else "" if "?" in path else "?"
        url = f"{path}{separator}{SIGNATURE}={signature}"
        signed.append(SignedUrl(path=path, url=url, expires_at=expires_at))
    return signed


def _check(path: str, experiment_id: int) -> None:
    """Make sure that what is signed is something to be read from this experiment."""
    try:
        endpoint, variables = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        raise BadInput(f'There is nothing to be read at "{path[:200]}".') from None
    operation = current_app.view_functions[endpoint]
    is_readable = isinstance(operation, Operation) and operation.permission == SIGNED
    if not is_readable or decode_id(variables["experiment_id"]) != experiment_id:
        raise BadInput(f'"{path[:200]}" does not belong to this experiment.')
