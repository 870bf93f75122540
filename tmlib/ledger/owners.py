"""Whose a job is: anything that has a kind and a number.

The ledger refers to owners by these two only, so that it knows no table of theirs. Whoever has
such a table registers its kind, and deletes the rows of the ledger with those of an owner.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, ScalarSelect, String, and_, case, false, or_
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db.base import BigId


@dataclass(frozen=True)
class Owner:
    """An experiment for example, by its kind and its number."""

    kind: str
    id: int


class Owned:
    """Adds to a table whose its rows are."""

    owner_kind: Mapped[str] = mapped_column(String(20))
    owner_id: Mapped[int] = mapped_column(BigId)

    @property
    def owner(self) -> Owner:
        """Whose the row is."""
        return Owner(self.owner_kind, self.owner_id)


@dataclass(frozen=True)
class OwnerKind:
    """What the ledger has to know of owners of a kind.

    Attributes
    ----------
    name_of
        Selects the name of the one of a number; null if nobody is to see it any more.
    hold
        Keeps the one of a number from being deleted until the transaction ends; raises
        :exc:`~tmlib.errors.NotFound` if that has happened already.
    """

    name_of: Callable[[ColumnElement[int]], ScalarSelect[str]]
    hold: Callable[[Session, int], object]


_KINDS: dict[str, OwnerKind] = {}


def register(name: str, kind: OwnerKind) -> None:
    """Make a kind known. Owners of others are called by their kind, and cannot be deleted."""
    _KINDS[name] = kind


def hold(session: Session, owner: Owner) -> None:
    """Keep an owner from being deleted until the transaction ends.

    Raises
    ------
    NotFound
        If that has happened already.
    """
    if owner.kind in _KINDS:
        _KINDS[owner.kind].hold(session, owner.id)


def name(table: type[Owned]) -> ColumnElement[str | None]:
    """The name of the owner of each row of a table, null where nobody is to see it."""
    named = [
        (table.owner_kind == name, kind.name_of(cast(ColumnElement[int], table.owner_id)))
        for name, kind in _KINDS.items()
    ]
    kind_itself = cast(ColumnElement[str | None], table.owner_kind)
    return case(*named, else_=kind_itself) if named else kind_itself


def of(table: type[Owned], owner: Owner) -> ColumnElement[bool]:
    """The condition that rows of a table are an owner's."""
    return and_(table.owner_kind == owner.kind, table.owner_id == owner.id)


def of_any(table: type[Owned], owners: Iterable[Owner]) -> ColumnElement[bool]:
    """The condition that rows of a table are those of one of several owners."""
    numbers: dict[str, list[int]] = {}
    for owner in owners:
        numbers.setdefault(owner.kind, []).append(owner.id)
    return or_(
        false(),
        *(and_(table.owner_kind == kind, table.owner_id.in_(ids)) for kind, ids in numbers.items()),
    )
