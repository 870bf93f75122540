"""Channels and the tiles of their layers."""

from typing import TYPE_CHECKING, Any

from tmclient.resources import Resource, Resources

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Channels(Resources):
    """Methods of the client for channels."""

    def get_channels(self) -> list[Resource]:
        """All channels with their layers; there are none before metaconfig has run."""
        channels: list[Resource] = self.connection.get(self._path("channels"))
        return channels

    def rename_channel(self, name: str, new_name: str) -> None:
        """Give a channel another name."""
        channel = self._find("channel", self._path("channels"), name)
        self.connection.put(self._path("channels", channel["id"]), {"name": new_name})

    def get_illumination(self) -> list[Resource]:
        """How even the light of channels is, before and after correction."""
        found: list[Resource] = self.connection.get(self._path("illumination"))
        return found

    def get_channel_layers(
        self, channel_name: str | None = None, tpoint: int | None = None, zplane: int | None = None
    ) -> list[Resource]:
        """The layers of the map that show channels."""
        layers: list[Resource] = self.connection.get(
            self._path("channel_layers"), channel_name=channel_name, tpoint=tpoint, zplane=zplane
        )
        return layers

    def download_channel_tile(
        self,
        layer_id: str,
        *,
        x: int,
        y: int,
        z: int,
        minimum: int | None = None,
        maximum: int | None = None,
        image_format: str = "png",
    ) -> bytes:
        """A tile of 256 x 256 pixels of the map, as a file.

        Parameters
        ----------
        layer_id
            Id of a layer in the list of channels.
        x, y
            Column and row of the tile, from 0 at the top left.
        z
            Zoom level, from 0 for the whole map.
        minimum, maximum
            Intensities that become black and white; those of the layer if not given.
        image_format
            ``png``, ``jpeg`` or ``webp``.
        """
        return self.connection.request(
            "GET",
            self._path("channel_layers", layer_id, "tiles"),
            parameters={
                "x": x,
                "y": y,
                "z": z,
                "min": minimum,
                "max": maximum,
                "format": image_format,
            },
        ).content

    def download_channel_tile_image(
        self,
        layer_id: str,
        *,
        x: int,
        y: int,
        z: int,
        minimum: int | None = None,
        maximum: int | None = None,
    ) -> "NDArray[Any]":
        """A tile of the map as an array (y, x) of uint8, 256 x 256 pixels."""
        from tmclient import pixels

        return pixels.decode(
            self.download_channel_tile(layer_id, x=x, y=y, z=z, minimum=minimum, maximum=maximum)
        )
