"""Scopes: kinds of resources, what can be done with one, and who may.

A permission is an action on a resource. Which resource that is follows from the path; the scope
says how it is looked up, within the one statement that also finds out who asks, and whether this
user may. To add a kind of resource, write a `Scope`, and declare routes with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Select

from tmlib.accounts import groups
from tmlib.accounts.audit_entries import Resource
from tmlib.annotation import datastacks
from tmlib.errors import Forbidden
from tmlib.experiments import ownership, sharing
from tmserver.access import Access, ExperimentAccess, GroupAccess, UserAccess


class Scope(ABC):
    """A kind of resource that permissions are about.

    Attributes
    ----------
    kind
        Its name, in one word.
    path
        Where one of them lies, and all that belongs to it below.
    variable
        The variable of the path that says which resource is meant; None if there is but one. Views
        do not get it: what it names is in their ``access``.
    key
        What the variable is: a number, in the form that ids have outside, or a name.
    actions
        What can be done with a resource, and what a view gets to do it. Whoever has a signed URL
        may do nothing but ``read``.
    """

    kind: ClassVar[str]
    path: ClassVar[str]
    variable: ClassVar[str | None]
    key: ClassVar[type[int] | type[str]] = int
    actions: ClassVar[Mapping[str, type[Access]]]

    @abstractmethod
    def look_up(self, statement: Select[Any]) -> Select[Any]:
        """Let a statement that asks for a user find the resource as well.

        Parameters
        ----------
        statement
            Has `tmlib.accounts.identity.USERS` among its tables, with the user who asks. The
            resource that the path names is its parameter ``resource_id``; there must be a row
            for the user even if there is no such resource.
        """

    def key_of(self, text: str) -> int | str:
        """What the statement looks for, where the key is a name: that, unless it stands for more.

        A name that cannot be one gives what is not found.
        """
        return text

    def resource(self, found: Sequence[Any]) -> Resource | None:
        """What `look_up` has found, as audit entries name it, whether or not the user may see it.

        None if nothing was found, or if audit entries do not name such resources.
        """
        return None

    @abstractmethod
    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> UserAccess:
        """Let somebody do something, who has proved who it is.

        Parameters
        ----------
        user
            Who asks.
        found
            The values that `look_up` has added to the row.
        action
            What shall be done.

        Raises
        ------
        NotFound
            If there is no such resource, or the user may not know of it.
        Forbidden
            If the user may not do this.
        """


class InstallationScope(Scope):
    """All of the installation, which no path needs to name.

    ``login`` is of somebody who has given the password: a personal token does not do.
    ``monitor`` is of administrators, also with a personal token, and of whoever has the token for
    monitoring. ``public`` asks nobody who they are.
    """

    kind = "installation"
    path = ""
    variable = None
    actions: ClassVar[Mapping[str, type[Access]]] = {
        "public": Access,
        "user": UserAccess,
        "login": UserAccess,
        "admin": UserAccess,
        "monitor": Access,
    }

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        """Ask for nothing more."""
        return statement

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> UserAccess:
        """Let users, those who gave their password, or administrators in."""
        if action in ("login", "admin") and user.proof.login is None:
            raise Forbidden("A token is not enough for this: log in with your password.")
        if action == "monitor" and not user.proof.user.is_admin:
            raise Forbidden(
                "Only an administrator, or who has the token for monitoring, may do this."
            )
        if action == "admin" and not user.proof.is_admin:
            raise Forbidden("Only an administrator may do this: ask one.")
        return user


class GroupScope(Scope):
    """A group of users, which others than its members do not see."""

    kind = groups.KIND
    path = "/api/groups/<group_id>"
    variable = "group_id"
    actions = dict.fromkeys(("read", "leave", "owner"), GroupAccess)

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        """Ask for the group, and for what the user is in it."""
        return groups.with_group(statement)

    def resource(self, found: Sequence[Any]) -> Resource | None:
        """Name the group."""
        group = groups.read(found)
        return None if group is None else group.resource

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> GroupAccess:
        """Let members, owners and administrators in."""
        group = groups.permit(found, as_owner=action == "owner", is_admin=user.proof.is_admin)
        return GroupAccess(user.services, user.proof, group)


class ExperimentScope(Scope):
    """An experiment, which others see only if it is shared with them."""

    kind = ownership.EXPERIMENT
    path = "/api/experiments/<experiment_id>"
    variable = "experiment_id"
    actions: ClassVar[Mapping[str, type[Access]]] = dict.fromkeys(
        ("read", "write", "owner"), ExperimentAccess
    )

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        """Ask for the experiment, and for what the user may do with it."""
        return sharing.with_experiment(statement)

    def resource(self, found: Sequence[Any]) -> Resource | None:
        """Name the experiment."""
        experiment = sharing.read(found)
        return None if experiment is None else experiment.resource

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> ExperimentAccess:
        """Let owners, those with whom it is shared, and administrators in."""
        is_admin = user.proof.is_admin
        experiment = sharing.permit(found, action, is_admin=is_admin)
        may_write = sharing.allows(found, "write", is_admin=is_admin)
        return ExperimentAccess(user.services, user.proof, experiment, may_write)


class DatastackScope(ExperimentScope):
    """An experiment, as programs for CAVE name it."""

    kind = "datastack"
    path = "/annotation/api/v2/aligned_volume/<datastack>"
    variable = "datastack"
    key = str
    actions: ClassVar[Mapping[str, type[Access]]] = dict.fromkeys(
        ("read", "write"), ExperimentAccess
    )

    def key_of(self, text: str) -> int:
        """The number of the experiment."""
        return datastacks.number_in(text)


INSTALLATION = InstallationScope()
GROUP = GroupScope()
EXPERIMENT = ExperimentScope()
DATASTACK = DatastackScope()
