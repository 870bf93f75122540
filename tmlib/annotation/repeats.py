"""Requests that are sent again: with the same key they are carried out once.

A client that got no answer cannot know whether its rows were entered. What was answered is kept for
a week, and answered again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationRequest, AnnotationTable
from tmlib.digests import digest_of
from tmlib.errors import BadInput, Conflict

_KEPT_FOR = timedelta(days=7)
_LONGEST_KEY = 255


@dataclass(frozen=True)
class Request:
    """A request by its key, if it has one, and the digest of what it asks for."""

    key: str | None
    digest: str

    @classmethod
    def of(cls, key: str | None, action: str, sent: Any) -> Self:
        """What stands for something that was sent.

        Raises
        ------
        BadInput
            If the key cannot be kept.
        """
        if key is None:
            return cls(None, "")
        if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
            raise BadInput(
                f"The idempotency key must be a line of at most {_LONGEST_KEY} characters."
            )
        return cls(key, digest_of(json.dumps([action, sent], sort_keys=True, default=str)))


def answer_of(
    session: Session, table: AnnotationTable, user_id: int, request: Request
) -> list[Any] | None:
    """What was answered when a request came first; None if it comes for the first time.

    Raises
    ------
    Conflict
        If the key came with something else.
    """
    if request.key is None:
        return None
    known = session.get(AnnotationRequest, (table.id, user_id, request.key))
    if known is None:
        return None
    if known.digest != request.digest:
        raise Conflict(
            f'The idempotency key "{request.key}" has come with another request: use a new key for '
            "each."
        )
    return known.answer


def remember(
    session: Session,
    table: AnnotationTable,
    user_id: int,
    request: Request,
    answer: Sequence[Any],
    moment: datetime,
) -> None:
    """Keep an answer for when the request comes again, and forget what is too old for that."""
    if request.key is None:
        return
    old = AnnotationRequest.created_at < moment - _KEPT_FOR
    session.execute(
        delete(AnnotationRequest).where(AnnotationRequest.annotation_table_id == table.id, old)
    )
    session.add(
        AnnotationRequest(
            annotation_table_id=table.id,
            user_id=user_id,
            key=request.key,
            experiment_id=table.experiment_id,
            digest=request.digest,
            answer=list(answer),
            created_at=moment,
        )
    )
