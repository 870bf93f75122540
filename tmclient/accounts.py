"""Users, the user's own account, and tokens for scripts."""

from typing import Any

from tmclient.resources import Namespace, Resources
from tmclient.session import Resource


class Account(Namespace):
    """``client.account``: the user who is logged in."""

    def get(self) -> Resource:
        """Who is logged in: name, email and whether as an administrator."""
        profile: Resource = self._connection.get("/auth/user")
        return profile

    def update(self, email: str) -> None:
        """Change the user's own e-mail address."""
        self._connection.put("/auth/user", {"email": email})

    def change_password(self, old_password: str, new_password: str) -> None:
        """Change the user's own password, which ends all other logins and all tokens."""
        answer = self._connection.put(
            "/auth/password", {"old_password": old_password, "new_password": new_password}
        )
        self._connection.login.replace_password(new_password, answer["access_token"])

    def log_out(self) -> None:
        """End the login, or remove the token that the client was given."""
        self._connection.log_out()


class Tokens(Namespace):
    """``client.tokens``: personal access tokens."""

    def list(self) -> Resources:
        """The user's personal access tokens, including expired ones."""
        tokens: Resources = self._connection.get("/auth/tokens")
        return tokens

    def create(self, name: str, scope: str = "read", days: int | None = None) -> Resource:
        """Create a token, with which scripts can log in without a password.

        Parameters
        ----------
        name
            What it is for.
        scope
            ``read`` or ``write``.
        days
            How long it is valid; without a limit if not given.

        Returns
        -------
        dict
            The token with its secret, ``token``, which cannot be retrieved later.
        """
        content: dict[str, Any] = {"name": name, "scope": scope}
        if days is not None:
            content["days"] = days
        return self._create(content)

    def create_hexadecimal(
        self, name: str, scope: str = "read", days: int | None = None
    ) -> Resource:
        """Create a token of 32 hexadecimal digits, as programs for CAVE want it; see `create`."""
        content: dict[str, Any] = {"name": name, "scope": scope, "form": "hexadecimal"}
        if days is not None:
            content["days"] = days
        return self._create(content)

    def _create(self, content: dict[str, Any]) -> Resource:
        created: Resource = self._connection.post("/auth/tokens", content)["data"]
        return created

    def delete(self, name: str) -> None:
        """Remove a token, which stops working at once."""
        identifier = self._session.find_id("token", "/auth/tokens", name)
        self._connection.delete(f"/auth/tokens/{identifier}")


class Users(Namespace):
    """``client.users``: all users, for administrators."""

    def list(self) -> Resources:
        """All users."""
        return list(self._session.pages("/api/users"))

    def create(self, name: str, password: str, email: str, is_admin: bool = False) -> Resource:
        """Add a user, who can log in from now on."""
        content = {"name": name, "password": password, "email": email, "is_admin": is_admin}
        created: Resource = self._connection.post("/api/users", content)["data"]
        return created

    def update(
        self,
        name: str,
        *,
        new_name: str | None = None,
        email: str | None = None,
        password: str | None = None,
        is_admin: bool | None = None,
        is_active: bool | None = None,
    ) -> None:
        """Change those properties of a user that are given."""
        content = {
            "name": new_name,
            "email": email,
            "password": password,
            "is_admin": is_admin,
            "is_active": is_active,
        }
        self._connection.put(
            f"/api/users/{self._user_id(name)}",
            {key: value for key, value in content.items() if value is not None},
        )

    def delete(self, name: str) -> None:
        """Lock a user out; the user's experiments stay."""
        self._connection.delete(f"/api/users/{self._user_id(name)}")

    def _user_id(self, name: str) -> str:
        return self._session.find_id("user", "/api/users", name)
