"""Scopes: what permissions are for, and where a request names it."""

import re
from dataclasses import dataclass
from functools import cached_property

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Scope:
    """A kind of resource that somebody may have permissions for.

    Attributes
    ----------
    name
        What it is called.
    path
        Where one of them lies, and all that belongs to it below. Views do not get the variables of
        this path: what they name is in their ``access``.
    """

    name: str
    path: str

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables of the path, in its order."""
        return tuple(_VARIABLE.findall(self.path))


EXPERIMENT = Scope("experiment", "/api/experiments/<experiment_id>")
