"""Access to experiments: of owners, of users and groups with whom they are shared."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.audit_entries import Resource
from tmlib.accounts.identity import USERS
from tmlib.accounts.models import Group, GroupMember, User
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.experiments import ownership
from tmlib.experiments.models import Experiment, ExperimentGroupShare, ExperimentShare

Action = Literal["read", "write", "owner"]

LEVELS = {"read": 1, "write": 2, "owner": 3}
"""Levels of access; a higher one includes those below."""

EXPERIMENTS = Experiment.__table__

_EXPERIMENTS = EXPERIMENTS
_SHARES = ExperimentShare.__table__
_GROUP_SHARES = ExperimentGroupShare.__table__
_MEMBERS = GroupMember.__table__
_OWNERS = USERS.alias("owners")


class ExperimentRow(NamedTuple):
    """An experiment and the name of its owner, see :class:`tmlib.experiments.models.Experiment`."""

    id: int
    name: str
    description: str
    user_id: int
    microscope_type: str
    workflow_type: str
    plate_format: int
    plate_acquisition_mode: str
    pixel_size: float | None
    map_height: int | None
    map_width: int | None
    map_levels: int | None
    created_at: datetime
    user_name: str

    @property
    def resource(self) -> Resource:
        """The experiment as audit entries name it."""
        return ownership.resource(self.id, self.name)


COLUMNS = (
    *(_EXPERIMENTS.c[name] for name in ExperimentRow._fields if name != "user_name"),
    _OWNERS.c.name,
)
IS_PRESENT = _EXPERIMENTS.c.deletion_due.is_(None)


def with_owner(statement: Select[Any]) -> Select[Any]:
    """Join the owners whose names `COLUMNS` ask for."""
    return statement.outerjoin(_OWNERS, _OWNERS.c.id == _EXPERIMENTS.c.user_id)


Rule = Callable[[ColumnElement[int]], ColumnElement[Any]]
"""Gives the level of access to a row of `EXPERIMENTS` that a user has; null for none."""

_further_rules: list[Rule] = []


def also_by(rule: Rule) -> None:
    """Let users see experiments for a further reason, which a system above experiments knows.

    It must be known before anybody is asked for: statements are built once.
    """
    _further_rules.append(rule)


def _levels(user_id: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Access of a user, of the user's groups, and by further rules; null for none."""
    of_user = select(_level(_SHARES)).where(
        _SHARES.c.experiment_id == _EXPERIMENTS.c.id, _SHARES.c.user_id == user_id
    )
    of_groups = (
        select(func.max(_level(_GROUP_SHARES)))
        .join_from(_GROUP_SHARES, _MEMBERS, _MEMBERS.c.group_id == _GROUP_SHARES.c.group_id)
        .where(_GROUP_SHARES.c.experiment_id == _EXPERIMENTS.c.id, _MEMBERS.c.user_id == user_id)
    )
    is_owner = _EXPERIMENTS.c.user_id == user_id
    return (
        case((is_owner, LEVELS["owner"]), else_=of_user.scalar_subquery()),
        of_groups.scalar_subquery(),
        *(rule(user_id) for rule in _further_rules),
    )


def _level(shares: FromClause) -> ColumnElement[int]:
    return case((shares.c.write_access, LEVELS["write"]), else_=LEVELS["read"])


def is_visible_to(user_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a user owns an experiment or may see it."""
    return or_(*(level.is_not(None) for level in _levels(user_id)))


def with_experiment(statement: Select[Any]) -> Select[Any]:
    """Extend a statement for a user by the experiment ``resource_id``.

    The last columns of its rows are the input of `read` and `permit`.
    """
    is_meant = and_(_EXPERIMENTS.c.id == bindparam("resource_id"), IS_PRESENT)
    joined = with_owner(statement.outerjoin(_EXPERIMENTS, is_meant))
    return joined.add_columns(*COLUMNS, *_levels(USERS.c.id))


def allows(found: Sequence[Any], action: str, *, is_admin: bool) -> bool:
    """Whether the user has the required access to the experiment of `with_experiment`."""
    level = max(one or 0 for one in found[len(COLUMNS) :])
    return is_admin or level >= LEVELS[action]


def read(found: Sequence[Any] | None) -> ExperimentRow | None:
    """The experiment of `with_experiment`, if there is one, whoever asks."""
    if found is None or found[0] is None:
        return None
    return ExperimentRow(*found[: len(COLUMNS)])


def permit(found: Sequence[Any] | None, action: str, *, is_admin: bool) -> ExperimentRow:
    """The experiment, if the user may perform this action on it.

    Administrators may do with every experiment what its owner may.

    Parameters
    ----------
    found
        The columns that `with_experiment` has added to the row of the user, if there is one.
    action
        The action, one of `Action`.
    is_admin
        Whether the user acts as administrator.

    Raises
    ------
    NotFound
        If it does not exist or is hidden from the user.
    Forbidden
        If the user may not perform this action.
    """
    experiment = read(found)
    if found is None or experiment is None or not allows(found, "read", is_admin=is_admin):
        raise NotFound("There is no such experiment, or it is not shared with you.")
    if allows(found, action, is_admin=is_admin):
        return experiment
    if action == "owner":
        raise Forbidden(
            f'Experiment "{experiment.name}" is not yours: ask "{experiment.user_name}", '
            "its owner, to do this."
        )
    raise Forbidden(
        f'You may look at experiment "{experiment.name}" but not change it: '
        f'ask "{experiment.user_name}" for write access.'
    )


def list_shares(session: Session, experiment_id: int) -> list[tuple[str, bool]]:
    """Users with whom an experiment is shared, and whether they may also change it."""
    query = (
        select(User.name, ExperimentShare.write_access)
        .join(ExperimentShare, ExperimentShare.user_id == User.id)
        .where(ExperimentShare.experiment_id == experiment_id)
        .order_by(User.name)
    )
    return [(name, write_access) for name, write_access in session.execute(query)]


def share_experiment(
    session: Session, experiment_id: int, user_id: int, *, write_access: bool
) -> None:
    """Let another user read an experiment, or also change it.

    Raises
    ------
    BadInput
        If it is the user's own.
    """
    if session.get_one(Experiment, experiment_id).user_id == user_id:
        raise BadInput("Its owner may do everything with an experiment: name somebody else.")
    session.merge(
        ExperimentShare(experiment_id=experiment_id, user_id=user_id, write_access=write_access)
    )
    session.flush()


def unshare_experiment(session: Session, experiment_id: int, user_id: int) -> None:
    """Hide an experiment from a user again.

    Raises
    ------
    NotFound
        If it is not shared with that user.
    """
    is_meant = and_(_SHARES.c.experiment_id == experiment_id, _SHARES.c.user_id == user_id)
    removed = delete(ExperimentShare).where(is_meant).returning(_SHARES.c.user_id)
    if session.scalar(removed) is None:
        raise NotFound("The experiment is not shared with that user.")


def list_group_shares(session: Session, experiment_id: int) -> list[tuple[str, bool]]:
    """With which groups an experiment is shared: names, and whether they may also change it."""
    query = (
        select(Group.name, ExperimentGroupShare.write_access)
        .join(ExperimentGroupShare, ExperimentGroupShare.group_id == Group.id)
        .where(ExperimentGroupShare.experiment_id == experiment_id)
        .order_by(Group.name)
    )
    return [(name, write_access) for name, write_access in session.execute(query)]


def share_with_group(
    session: Session, experiment_id: int, group_id: int, *, write_access: bool
) -> None:
    """Let whoever is in a group read an experiment, or also change it."""
    session.merge(
        ExperimentGroupShare(
            experiment_id=experiment_id, group_id=group_id, write_access=write_access
        )
    )
    session.flush()


def unshare_with_group(session: Session, experiment_id: int, group_name: str) -> None:
    """Share an experiment with a group no longer, also with one that the owner is not in.

    Raises
    ------
    NotFound
        If it is not shared with that group.
    """
    # PostgreSQL refuses to look for a NUL character
    named = select(Group.id).where(Group.name == group_name.replace("\x00", "?"))
    is_meant = and_(
        _GROUP_SHARES.c.experiment_id == experiment_id,
        _GROUP_SHARES.c.group_id == named.scalar_subquery(),
    )
    removed = delete(ExperimentGroupShare).where(is_meant).returning(_GROUP_SHARES.c.group_id)
    if session.scalar(removed) is None:
        raise NotFound(f'The experiment is not shared with a group "{group_name[:80]}".')


def transfer_experiment(session: Session, experiment_id: int, user_id: int) -> None:
    """Give an experiment to another user; the old owner may still read and change it.

    Raises
    ------
    BadInput
        If the new owner cannot log in.
    Conflict
        If the new owner has an experiment of this name.
    """
    experiment = session.get_one(Experiment, experiment_id)
    new_owner = session.get_one(User, user_id)
    old_owner_id = experiment.user_id
    if not new_owner.is_active:
        raise BadInput(f'"{new_owner.name}" cannot log in: give the experiment to somebody else.')
    if new_owner.id == old_owner_id:
        return
    with suppress(NotFound):
        unshare_experiment(session, experiment_id, new_owner.id)
    experiment.user_id = new_owner.id
    names = f'"{new_owner.name}" has an experiment "{experiment.name}" already'
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"{names}: rename this one first.") from error
    session.add(
        ExperimentShare(experiment_id=experiment_id, user_id=old_owner_id, write_access=True)
    )
    session.flush()
