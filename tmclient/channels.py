"""Channels and the tiles of their layers."""

from tmclient.resources import Resource, Resources


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

    def download_channel_tile(
        self, layer_id: str, *, x: int, y: int, z: int, image_format: str = "png"
    ) -> bytes:
        """A tile of 256 x 256 pixels of the map.

        Parameters
        ----------
        layer_id
            Id of a layer in the list of channels.
        x, y
            Column and row of the tile, from 0 at the top left.
        z
            Zoom level, from 0 for the whole map.
        image_format
            ``png``, ``jpeg`` or ``webp``.
        """
        return self.connection.request(
            "GET",
            self._path("channel_layers", layer_id, "tiles"),
            parameters={"x": x, "y": y, "z": z, "format": image_format},
        ).content
