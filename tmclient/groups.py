"""Groups of users, with whom experiments are shared as one."""

from typing import Any
from urllib.parse import quote

from tmclient.resources import Namespace, Resources
from tmclient.session import Resource


class Groups(Namespace):
    """``client.groups``: groups of users."""

    def create(self, name: str, owner: str | None = None) -> Resource:
        """Make a group, as administrator, with a user who owns it: oneself if not given."""
        content: dict[str, Any] = {"name": name} | ({} if owner is None else {"owner": owner})
        created: Resource = self._connection.post("/api/groups", content)["data"]
        return created

    def rename(self, name: str, new_name: str) -> None:
        """Give a group that one owns another name."""
        self._connection.put(self._path(name), {"name": new_name})

    def delete(self, name: str) -> None:
        """Delete a group that one owns; what is shared with it is so no longer."""
        self._connection.delete(self._path(name))

    def members(self, name: str) -> Resources:
        """Who is in a group: ``user``, and whether as an owner (``is_owner``)."""
        members: Resources = self._connection.get(f"{self._path(name)}/members")
        return members

    def add_member(self, name: str, user_name: str, is_owner: bool = False) -> None:
        """Add a user to a group that one owns, or change whether the user owns it."""
        self._connection.put(self._member(name, user_name), {"is_owner": is_owner})

    def remove_member(self, name: str, user_name: str) -> None:
        """Remove a user from a group that one owns."""
        self._connection.delete(self._member(name, user_name))

    def leave(self, name: str) -> None:
        """Leave a group."""
        self._connection.post(f"{self._path(name)}/leave", {})

    def _path(self, name: str) -> str:
        return f"/api/groups/{self._session.find_id('group', '/api/groups', name)}"

    def _member(self, name: str, user_name: str) -> str:
        return f"{self._path(name)}/members/{quote(user_name)}"

    # last, because the name means the method from here on
    def list(self) -> Resources:
        """The groups that one is in; administrators see all."""
        return [*self._session.pages("/api/groups")]
