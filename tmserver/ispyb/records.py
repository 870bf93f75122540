"""The four requests for rows that people enter for a proposal: list, get, add and change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from tmlib.facility.records import Kind
from tmserver.access import UserAccess
from tmserver.http.paging import Part
from tmserver.http.routing import Details, Routes
from tmserver.ispyb.forms import Model, PageQuery, ProposalName, Sent
from tmserver.ispyb.looking import looking, viewer_of


class OfProposal(PageQuery):
    """Asks for what belongs to a proposal."""

    proposal: ProposalName | None = None

    def parent_id(self) -> int | None:
        """Number of what all that is asked for belongs to, if one is given."""
        return None


def plain(session: Session, body: Sent, row: Any) -> dict[str, Any]:
    """The columns of a body whose fields are named like them."""
    return body.model_dump(exclude_unset=row is not None)


@dataclass(frozen=True)
class Records:
    """How a kind of rows is shown and taken.

    Attributes
    ----------
    kind
        The rows.
    path, variable
        Where they are, and the variable of the path of one.
    names
        What the views are called: for one and for several.
    item, new, changes
        Models of a row, of what adds one and of what changes one.
    tell
        Makes items of rows.
    columns
        Makes columns of a body and, where it changes one, the row.
    query
        Model of what a list can be asked for.
    """

    kind: Kind[Any]
    path: str
    variable: str
    names: tuple[str, str]
    item: type[Model]
    new: type[Sent]
    changes: type[Sent]
    tell: Callable[[Session, Sequence[Any]], list[Any]]
    columns: Callable[[Session, Any, Any], Mapping[str, Any]] = plain
    query: type[OfProposal] = OfProposal

    def declare(self, routes: Routes) -> None:
        """Declare the four views."""
        one, several = self.names
        a, itself = self.kind.name.lower(), f"{self.path}/<{self.variable}>"
        which = {self.variable: int}
        working = "you must work for its proposal."

        def add(method: str, path: str, view: Callable[..., Any], more: Details) -> None:
            routes.add(method, (path,), "user", view, more)

        asked = {"query": self.query}
        page = Part[self.item]  # type: ignore[name-defined] # a type that is known at run time
        view = _named(self._list, f"get_{several}", f"List {a}s.", asked, page)
        add("GET", self.path, view, {})
        view = _named(self._get, f"get_{one}", f"Get a {a}.", which, self.item)
        add("GET", itself, view, {"raises": (404,)})
        sent: dict[str, Any] = {"body": self.new}
        view = _named(self._add, f"create_{one}", f"Add a {a}; {working}", sent, self.item)
        add("POST", self.path, view, {"raises": (404,), "success": (201,)})
        sent = {"body": self.changes, **which}
        view = _named(self._change, f"update_{one}", f"Change a {a}; {working}", sent, self.item)
        add("PATCH", itself, view, {"raises": (404,)})

    def _list(self, access: UserAccess, query: OfProposal) -> Part[Any]:
        with looking(access) as (session, viewer):
            found = self.kind.list(
                session,
                viewer,
                query.window,
                proposal=query.proposal,
                parent_id=query.parent_id(),
            )
            return Part(self.tell(session, found.rows), found.total)

    def _get(self, access: UserAccess, **variables: int) -> Any:
        with looking(access) as (session, viewer):
            row = self.kind.get(session, viewer, variables[self.variable])
            return self.tell(session, [row])[0]

    def _add(self, access: UserAccess, body: Sent) -> Any:
        with access.database.transaction() as session:
            columns = self.columns(session, body, None)
            row = self.kind.add(session, viewer_of(access, session), columns)
            return self.tell(session, [row])[0]

    def _change(self, access: UserAccess, body: Sent, **variables: int) -> Any:
        with access.database.transaction() as session:
            viewer, number = viewer_of(access, session), variables[self.variable]
            row = self.kind.get(session, viewer, number)
            columns = self.columns(session, body, row)
            changed = self.kind.change(session, viewer, number, columns)
            return self.tell(session, [changed])[0]


def _named(
    method: Callable[..., Any], name: str, summary: str, takes: dict[str, Any], gives: Any
) -> Callable[..., Any]:
    """A view that calls a method, with what the declaration of routes wants to know of it."""

    def view(access: UserAccess, **given: Any) -> Any:
        return method(access, **given)

    view.__name__, view.__doc__ = name, summary
    view.__annotations__ = {"access": UserAccess, **takes, "return": gives}
    return view
