"""Errors as programs read them that show points."""

from typing import ClassVar

from tmserver.cave.faults import Faults


class FaultsOfLinks(Faults):
    """As CAVE has them; 503 stays, as Neuroglancer asks again then, and not after 500."""

    statuses: ClassVar[dict[int, int]] = {}
