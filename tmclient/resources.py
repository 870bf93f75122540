"""What the namespaces of the client have in common."""

from tmclient.session import Resource, Session

Resources = list[Resource]
"""Several of them: in a class with a method ``list``, ``list[Resource]`` would mean the method."""


class Namespace:
    """The methods of a client that deal with one kind of thing.

    Parameters
    ----------
    session
        The server, the user and the experiment, shared with all other namespaces.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
