"""Who asks: the account that a proof belongs to, as one row of a statement has it.

Such a statement asks for the account, for whether the proof still holds and, when a resource is
asked for, for that and for what the account may do with it. It is built once, begins with
`COLUMNS`, and has `USERS` among its tables.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tmlib.accounts.models import User

USERS = User.__table__

COLUMNS = (
    USERS.c.id,
    USERS.c.name,
    USERS.c.email,
    USERS.c.is_admin,
    USERS.c.is_active,
    USERS.c.login_generation,
)


class Account(NamedTuple):
    """A user, see :class:`tmlib.accounts.models.User`."""

    id: int
    name: str
    email: str = ""
    is_admin: bool = False
    is_active: bool = True
    login_generation: int = 0

    @classmethod
    def of(cls, user: User) -> "Account":
        """What a row of a user tells."""
        return cls(*(getattr(user, name) for name in cls._fields))


def read(row: Sequence[Any]) -> tuple[Account, Sequence[Any]]:
    """The account at the beginning of a row, and the rest of the row."""
    return Account(*row[: len(COLUMNS)]), row[len(COLUMNS) :]
