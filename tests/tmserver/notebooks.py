"""A kind of resource that the product does not have: notebooks, which users write for others.

It shows that a scope is all that permissions on something new need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    and_,
    bindparam,
    insert,
)

from tmlib.accounts.audit_entries import Resource
from tmlib.accounts.identity import USERS
from tmlib.db import Database
from tmlib.errors import Forbidden, NotFound
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message
from tmserver.scopes import Scope

TABLES = MetaData()
_NOTEBOOKS = Table(
    "notebooks",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("title", String),
    Column("author_id", Integer),
)
_EDITORS = Table(
    "notebook_editors",
    TABLES,
    Column("notebook_id", Integer, primary_key=True),
    Column("user_id", Integer, primary_key=True),
    Column("may_edit", Boolean),
)


@dataclass(frozen=True)
class NotebookAccess(UserAccess):
    number: int
    title: str


class NotebookScope(Scope):
    kind = "notebook"
    path = "/api/notebooks/<notebook_id>"
    variable = "notebook_id"
    actions = dict.fromkeys(("read", "edit", "burn"), NotebookAccess)

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        is_meant = _NOTEBOOKS.c.id == bindparam("resource_id")
        is_editor = and_(
            _EDITORS.c.notebook_id == _NOTEBOOKS.c.id, _EDITORS.c.user_id == USERS.c.id
        )
        return (
            statement.outerjoin(_NOTEBOOKS, is_meant)
            .outerjoin(_EDITORS, is_editor)
            .add_columns(*_NOTEBOOKS.c, _EDITORS.c.may_edit)
        )

    def resource(self, found: Sequence[Any]) -> Resource | None:
        number, title, *_ = found
        return None if number is None else Resource(self.kind, number, title)

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> NotebookAccess:
        number, title, author_id, may_edit = found
        is_author = author_id == user.user.id or user.proof.is_admin
        if number is None or not (is_author or may_edit is not None):
            raise NotFound("There is no such notebook, or it is not for you.")
        if not is_author and (action == "burn" or (action == "edit" and not may_edit)):
            raise Forbidden(f'You may not {action} the notebook "{title}": ask its author.')
        return NotebookAccess(user.services, user.proof, number, title)


NOTEBOOK = NotebookScope()

routes = Routes("notebook", scope=NOTEBOOK)


@routes.get("", permits="read")
def read_notebook(access: NotebookAccess) -> Message:
    """Read a notebook."""
    return Message(message=access.title)


@routes.get("/pages/<page_id>", permits="read")
def read_page(access: NotebookAccess, page_id: int) -> Message:
    """Read a page of a notebook."""
    raise NotFound(f"The notebook has no page {page_id}.")


@routes.put("", permits="edit")
def edit_notebook(access: NotebookAccess) -> Message:
    """Write in a notebook."""
    return Message()


@routes.delete("", permits="burn")
def burn_notebook(access: NotebookAccess) -> Message:
    """Burn a notebook."""
    return Message()


def add_notebook(database: Database, author_id: int, editors: dict[int, bool]) -> int:
    """A notebook of an author, with those who may read it and whether they may also edit it."""
    TABLES.create_all(database.engine)
    with database.transaction() as session:
        session.execute(insert(_NOTEBOOKS).values(id=1, title="Field notes", author_id=author_id))
        for user_id, may_edit in editors.items():
            session.execute(
                insert(_EDITORS).values(notebook_id=1, user_id=user_id, may_edit=may_edit)
            )
    return 1
