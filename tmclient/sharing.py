"""Who may see and change an experiment."""

from collections.abc import Sequence
from urllib.parse import urljoin

from tmclient.resources import Resource, Resources


class Sharing(Resources):
    """Methods of the client for sharing an experiment."""

    def get_shares(self) -> list[Resource]:
        """With whom the experiment is shared: ``user`` and ``permission``."""
        shares: list[Resource] = self.connection.get(self._path("shares"))
        return shares

    def share_experiment(self, user_name: str, permission: str = "read") -> None:
        """Let a user see the experiment, or with ``write`` also change it."""
        self.connection.put(self._path("shares", user_name), {"permission": permission})

    def unshare_experiment(self, user_name: str) -> None:
        """Hide the experiment from a user again."""
        self.connection.delete(self._path("shares", user_name))

    def transfer_experiment(self, user_name: str) -> None:
        """Make another user the owner."""
        self.connection.put(self._path("owner"), {"user": user_name})

    def sign_urls(self, paths: Sequence[str], seconds: int | None = None) -> list[str]:
        """Addresses that anybody can read for a short time, without logging in.

        Parameters
        ----------
        paths
            Paths of images, tiles and downloads of the experiment, with or without a query.
        seconds
            How long they can be read.

        Returns
        -------
        list of str
            An address for each path; further parameters are added with ``&``.
        """
        content = {"paths": list(paths)} | ({} if seconds is None else {"seconds": seconds})
        signed = self.connection.post(self._path("signed-urls"), content)["data"]
        return [urljoin(self.connection.url + "/", one["url"].lstrip("/")) for one in signed]
