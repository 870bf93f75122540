"""Who annotates, for all interfaces that serve annotation tables."""

from pydantic import Field

from tmlib.annotation.rows import Place
from tmlib.annotation.tables import Annotator
from tmserver.access import ExperimentAccess
from tmserver.http.schemas import Schema


class RepeatKey(Schema):
    """By which a request is known when it is sent again: it is carried out once then."""

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", examples=["3f0c8a52-0001"], max_length=255
    )


def annotator(access: ExperimentAccess) -> Annotator:
    """Who asks."""
    return Annotator(access.user.id, access.proof.is_admin)


def place(access: ExperimentAccess, table_name: str, headers: RepeatKey | None = None) -> Place:
    """Where somebody writes."""
    key = None if headers is None else headers.idempotency_key
    return Place(access.database, access.experiment_id, table_name, annotator(access), key)
