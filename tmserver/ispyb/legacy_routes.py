"""Requests that clients of ISPyB's Java server send; off unless an administrator wants them.

Each is answered in two places: with the token in the header, and with the token in the address.
"""

from collections.abc import Callable
from typing import Any

from flask import Response

from tmlib.facility import legacy
from tmserver.access import UserAccess
from tmserver.http.routing import Details, Routes, path_variables
from tmserver.ispyb.credentials import IN_PATH
from tmserver.ispyb.looking import looking

Answer = Callable[..., Any]
Send = Callable[[UserAccess, Any], Any]


class LegacyRoutes(Routes):
    """Declares views in two places, each of which takes a database session and a viewer."""

    def answers(
        self,
        by_header: str,
        by_token: str,
        gives: Any = list[dict[str, Any]],
        *,
        token_in_query: bool = False,
        raises: tuple[int, ...] = (),
    ) -> Callable[[Answer], Answer]:
        """Declare the two places at which something is answered.

        Parameters
        ----------
        by_header, by_token
            The paths, without the token.
        gives
            Type of the answer.
        token_in_query
            Whether the token is no part of the path.
        raises
            Status codes of errors, besides 404.
        """
        place = "" if token_in_query else f"/<{IN_PATH}>"

        def declare(answer: Answer) -> Answer:
            self._add(by_header, answer, "", gives, _as_it_is, raises=raises)
            path = f"{place}{by_token}"
            self._add(path, answer, "_by_token", gives, _as_it_is, raises=raises)
            return answer

        return declare

    def pictures(
        self, by_header: str, by_token: str, tell: Send, send: Send, media: tuple[str, ...]
    ) -> Callable[[Answer], Answer]:
        """Declare the two places of a picture: in one its path is told, in the other it is sent.

        Parameters
        ----------
        by_header, by_token
            The paths, without the token.
        tell, send
            Make the answers of what was found.
        media
            Media types of such pictures.
        """

        def declare(answer: Answer) -> Answer:
            self._add(by_header, answer, "", str, tell)
            path = f"/<{IN_PATH}>{by_token}"
            self._add(path, answer, "_by_token", Response, send, media=media)
            return answer

        return declare

    def _add(
        self,
        path: str,
        answer: Answer,
        ending: str,
        gives: Any,
        send: Send,
        media: tuple[str, ...] = (),
        raises: tuple[int, ...] = (),
    ) -> None:
        variables = path_variables(path)
        view = _view(answer, f"{answer.__name__}{ending}", variables, gives, send)
        more: Details = {
            "raises": (404, *raises),
            "success": (200, 304) if media else (200,),
            "media": media,
        }
        self.add("GET", (f"/legacy{path}",), "user", view, more)


def _as_it_is(_: UserAccess, found: Any) -> Any:
    return found


def _view(
    answer: Answer, name: str, variables: list[str], gives: Any, send: Send
) -> Callable[..., Any]:
    def view(access: UserAccess, **given: Any) -> Any:
        given.pop(IN_PATH, None)  # which has told who asks
        with looking(access) as (session, viewer):
            legacy.require_switched_on(session)
            found = answer(session, viewer, **given)
        return send(access, found)

    view.__name__, view.__doc__ = name, answer.__doc__
    takes = {name: int if name.endswith("_id") else str for name in variables}
    view.__annotations__ = {"access": UserAccess, **takes, "return": gives}
    return view
