"""What members of groups may do in a facility because of a permission that their group has."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Select

from tmlib.accounts.identity import USERS
from tmlib.errors import Forbidden
from tmlib.facility.permissions import ACTIONS
from tmlib.facility.visibility import holds
from tmserver.access import Access, UserAccess
from tmserver.scopes import Scope


class FacilityScope(Scope):
    """The facility as a whole; each action is the permission of the same name.

    Administrators have all of them.
    """

    kind = "facility"
    path = ""
    variable = None
    actions: ClassVar[Mapping[str, type[Access]]] = dict.fromkeys(ACTIONS, UserAccess)

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        """Ask which of the permissions the user has."""
        return statement.add_columns(*(holds(USERS.c.id, name) for name in ACTIONS))

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> UserAccess:
        """Let those in who have the permission."""
        if not (user.proof.is_admin or found[ACTIONS.index(action)]):
            raise Forbidden("Not Authorized")
        return user


FACILITY = FacilityScope()
