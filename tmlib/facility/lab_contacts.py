"""What a lab contact is made of: the person and the laboratory are told with it."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.accounts.service import NO_PASSWORD, make_up_name
from tmlib.errors import BadInput
from tmlib.facility.models import Laboratory
from tmlib.facility.shipping import LabContact

_NOWHERE = "contact.invalid"
_DESCRIPTION = ("name", "address", "city", "country", "url")


def nobody() -> User:
    """A new account for somebody who cannot log in, so that the contact has a person's number."""
    name = make_up_name("contact", secrets.token_hex(8))
    return User(name=name, email=f"{name}@{_NOWHERE}", password_hash=NO_PASSWORD, is_active=False)


def is_nobody() -> ColumnElement[bool]:
    """Whether a user is such an account, which belongs in no list of people."""
    return and_(User.is_active.is_(False), User.email.endswith(f"@{_NOWHERE}"))


def laboratory(
    session: Session, told: Mapping[str, Any], before: LabContact | None = None
) -> Laboratory:
    """A laboratory as it is told of now; what is not told of is as before.

    It is that of before if nothing differs; otherwise there is another, and that of before is left
    as it is, since other people may work there. Which number a laboratory has in a user portal, the
    portal alone says: a number finds the laboratory that has it, if name, city and country are told
    as well.

    Parameters
    ----------
    session
        To read with.
    told
        Values by names of columns; None keeps the name as it was.
    before
        The contact whose laboratory is changed.

    Raises
    ------
    BadInput
        If the laboratory has no name.
    """
    old = before.laboratory if before is not None else None
    values = {name: told.get(name, getattr(old, name, None)) for name in _DESCRIPTION}
    if values["name"] is None:
        if old is None:
            raise BadInput("The contact has no laboratory yet: give the new one a name.")
        values["name"] = old.name
    if old is not None and all(getattr(old, name) == values[name] for name in values):
        return old
    return _of_portal(session, told.get("external_id"), values) or Laboratory(**values)


def _of_portal(
    session: Session, number: int | None, values: Mapping[str, Any]
) -> Laboratory | None:
    if number is None:
        return None
    same = (getattr(Laboratory, name) == values[name] for name in ("name", "city", "country"))
    return session.scalar(select(Laboratory).where(Laboratory.external_id == number, *same))
