"""Channel layers as their tiles show them, and the versions that tiles are asked for by."""

import re
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.experiments.channels import LayerRow
from tmlib.experiments.models import ChannelLayer
from tmlib.images.tiles import RENDERING


@dataclass(frozen=True)
class ShownLayer:
    """What decides about the tiles of a channel layer.

    ``pixels`` is the version of its pyramid; ``minimum`` and ``maximum`` are the intensities that
    are black and white when no others are asked for.
    """

    channel_id: int
    tpoint: int
    zplane: int
    pixels: str
    minimum: int
    maximum: int

    @classmethod
    def of(cls, layer: ChannelLayer | LayerRow) -> "ShownLayer":
        """What a row tells."""
        return cls(
            *(layer.channel_id, layer.tpoint, layer.zplane, layer.version),
            *(layer.min_intensity, layer.max_intensity),
        )

    @property
    def version(self) -> str:
        """Tells all that decides about the bytes of a tile besides its place and its format."""
        return f"{self.pixels}-{self.minimum}-{self.maximum}-{RENDERING}"

    def in_version(self, version: str | None) -> "ShownLayer":
        """The layer in the window of a version of the same pixels; else as it is."""
        window = _WINDOW.search(version or "")
        if window is None:
            return self
        minimum, maximum = int(window["minimum"]), int(window["maximum"])
        found = replace(self, minimum=minimum, maximum=maximum)
        return found if found.version == version and minimum < maximum else self


_WINDOW = re.compile(r"-(?P<minimum>[0-9]{1,5})-(?P<maximum>[0-9]{1,5})-[0-9]+$")

_SHOWN = select(
    *(ChannelLayer.channel_id, ChannelLayer.tpoint, ChannelLayer.zplane, ChannelLayer.version),
    *(ChannelLayer.min_intensity, ChannelLayer.max_intensity),
).where(
    ChannelLayer.id == bindparam("layer_id"),
    ChannelLayer.experiment_id == bindparam("experiment_id"),
)

_MOST_REMEMBERED = 10_000


class ShownLayers:
    """Finds layers for their tiles, and remembers those that were asked for by their version.

    A version tells the window, and never comes to mean anything else: all processes give the same
    tile for it, whether they remember it or not. What is remembered needs no other look at the
    database; that the version is gone shows where its pyramid was.

    Parameters
    ----------
    database
        The installation's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[tuple[int, int, str], ShownLayer] = {}

    def find(self, experiment_id: int, layer_id: int, version: str | None = None) -> ShownLayer:
        """A layer of an experiment in a version, or as it is now if there are other pixels.

        Raises
        ------
        NotFound
            If the experiment has no such layer.
        """
        if version is not None:
            remembered = self._remembered.get((experiment_id, layer_id, version))
            if remembered is not None:
                return remembered
        return self.find_again(experiment_id, layer_id, version)

    def find_again(
        self, experiment_id: int, layer_id: int, version: str | None = None
    ) -> ShownLayer:
        """As :meth:`find`, but with a look at the database, whatever is remembered.

        Raises
        ------
        NotFound
            If the experiment has no such layer.
        """
        chosen = {"layer_id": layer_id, "experiment_id": experiment_id}
        with self._database.connection() as connection:
            row = connection.execute(_SHOWN, chosen).one_or_none()
        if row is None:
            raise NotFound("The experiment has no such channel layer.")
        found = ShownLayer(*row).in_version(version)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[experiment_id, layer_id, found.version] = found
        return found
