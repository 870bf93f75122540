"""Who may see and change an experiment."""

from collections.abc import Sequence
from urllib.parse import urljoin

from tmclient.resources import Namespace, Resources


class Sharing(Namespace):
    """``client.sharing``: who may see and change the experiment."""

    def share(self, user_name: str, permission: str = "read") -> None:
        """Let a user see the experiment, or with ``write`` also change it."""
        self._connection.put(self._session.path("shares", user_name), {"permission": permission})

    def unshare(self, user_name: str) -> None:
        """Hide the experiment from a user again."""
        self._connection.delete(self._session.path("shares", user_name))

    def share_with_group(self, group_name: str, permission: str = "read") -> None:
        """Let all who are in a group see the experiment, or with ``write`` also change it."""
        path = self._session.path("shares", "groups", group_name)
        self._connection.put(path, {"permission": permission})

    def unshare_with_group(self, group_name: str) -> None:
        """Share the experiment with a group no longer."""
        self._connection.delete(self._session.path("shares", "groups", group_name))

    def transfer(self, user_name: str) -> None:
        """Make another user the owner."""
        self._connection.put(self._session.path("owner"), {"user": user_name})

    def sign_urls(self, paths: Sequence[str], seconds: int | None = None) -> list[str]:
        """Create URLs that anybody can read for a short time, without logging in.

        Parameters
        ----------
        paths
            Paths of images, tiles and downloads of the experiment, with or without a query.
        seconds
            How long the URLs are valid.

        Returns
        -------
        list of str
            A URL for each path; further parameters may be added with ``&``.
        """
        content = {"paths": list(paths)} | ({} if seconds is None else {"seconds": seconds})
        signed = self._connection.post(self._session.path("signed-urls"), content)["data"]
        return [urljoin(self._connection.url + "/", one["url"].lstrip("/")) for one in signed]

    # last, because the name means the method from here on
    def list(self) -> Resources:
        """With whom the experiment is shared: ``user`` or ``group``, and ``permission``."""
        shares: Resources = self._connection.get(self._session.path("shares"))
        return shares
