"""Answers that are not sent again to those who have them already."""

from flask import Response, request

_IF_MATCH = "HTTP_IF_MATCH"


def unless_known(response: Response) -> Response:
    """An answer, or 304 if the sender has just that, by its ETag or its date.

    What is asked for with ``If-Match`` is sent as well: the header guards changes, and nothing is
    changed by reading. It would be refused with the whole content otherwise.
    """
    asked = {name: value for name, value in request.environ.items() if name != _IF_MATCH}
    response.make_conditional(asked)
    return response
