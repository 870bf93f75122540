"""Rows that people enter for a proposal, or for something that belongs to one.

Whoever sees the proposal sees them, and whoever works for it may add and change them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Base
from tmlib.errors import NotFound
from tmlib.facility import pages
from tmlib.facility.models import Proposal
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, require_work, shows

Row = TypeVar("Row", bound=Base)


class Kind(Generic[Row]):
    """A kind of such rows.

    Parameters
    ----------
    table
        Where they are.
    name
        What one of them is called in messages.
    key
        The column with the number of what a row belongs to.
    parent
        What kind that is; a proposal if not given.
    check
        Refuses rows that make no sense, before they are written.
    """

    def __init__(
        self,
        table: type[Row],
        name: str,
        key: str,
        parent: "Kind[Any] | None" = None,
        *,
        check: Callable[[Session, Row], None] | None = None,
    ) -> None:
        self.table = table
        self.name = name
        self.key = key
        self.parent = parent
        self._check = check

    def list(
        self,
        session: Session,
        viewer: Viewer,
        window: Window,
        *,
        proposal: str | None = None,
        parent_id: int | None = None,
    ) -> Page[Row]:
        """Rows that somebody sees, in the order in which they came.

        Parameters
        ----------
        session
            To read with.
        viewer
            Who looks.
        window
            Which part of the list.
        proposal
            Name of a proposal: only what belongs to it.
        parent_id
            Number of what the rows belong to.
        """
        query = self._visible(viewer)
        if proposal is not None:
            query = query.where(Proposal.name == proposal)
        if parent_id is not None:
            query = query.where(self._column(self.key) == parent_id)
        found = pages.read(session, query.order_by(self._column("id")), window)
        return Page([row[0] for row in found.rows], found.total)

    def get(self, session: Session, viewer: Viewer, number: int) -> Row:
        """A row that somebody sees.

        Raises
        ------
        NotFound
            If there is none, or it is hidden.
        """
        found = session.scalar(self._visible(viewer).where(self._column("id") == number))
        if found is None:
            raise NotFound(f"{self.name} not found")
        return cast(Row, found)

    def add(self, session: Session, viewer: Viewer, values: Mapping[str, Any]) -> Row:
        """Add a row.

        Raises
        ------
        NotFound
            If somebody does not see what it is to belong to.
        Forbidden
            If somebody does not work for the proposal.
        BadInput
            If the row makes no sense.
        """
        self._enter(session, viewer, values[self.key])
        row = self.table(**values)
        session.add(row)
        self._keep(session, row)
        return row

    def change(
        self, session: Session, viewer: Viewer, number: int, changes: Mapping[str, Any]
    ) -> Row:
        """Change a row; null for what must have a value changes nothing.

        Raises
        ------
        NotFound
            If there is none, it is hidden, or what it is to belong to from now on is.
        Forbidden
            If somebody does not work for its proposal, or for that to which it is moved.
        BadInput
            If the row made no sense any more.
        """
        row = self.get(session, viewer, number)
        self._enter(session, viewer, getattr(row, self.key))
        if changes.get(self.key) is not None:
            self._enter(session, viewer, changes[self.key])
        columns = self.table.__table__.c
        for name, value in changes.items():
            if value is not None or name not in columns or columns[name].nullable:
                setattr(row, name, value)
        self._keep(session, row)
        return row

    def _keep(self, session: Session, row: Row) -> None:
        if self._check is not None:
            # first, since a database that refuses the row does not say why
            with session.no_autoflush:
                self._check(session, row)
        session.flush()
        session.refresh(row)

    def _enter(self, session: Session, viewer: Viewer, parent_id: int) -> None:
        """Make sure that somebody may change what belongs to a parent."""
        if self.parent is not None:
            query = self.parent._visible(viewer, Proposal.id)
            found = session.scalar(query.where(self.parent._column("id") == parent_id))
            missing = f"{self.parent.name} not found"
        else:
            query = select(Proposal.id).where(Proposal.id == parent_id)
            found = session.scalar(query.where(shows(viewer, Proposal.id)))
            missing = "No such proposal"
        if found is None:
            raise NotFound(missing)
        require_work(session, viewer, cast(int, found))

    def _visible(self, viewer: Viewer, column: Any = None) -> Query:
        """What somebody sees: the rows, or a column of what they belong to."""
        query = select(self.table if column is None else column).select_from(self.table)
        kind: Kind[Any] = self
        while kind.parent is not None:
            above = kind.parent
            query = query.join(above.table, above._column("id") == kind._column(kind.key))
            kind = above
        query = query.join(Proposal, Proposal.id == kind._column(kind.key))
        return query.where(shows(viewer, Proposal.id))

    def _column(self, name: str) -> Any:
        return getattr(self.table, name)
