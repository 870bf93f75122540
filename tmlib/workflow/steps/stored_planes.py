"""What the planes of channel images are known by, for steps that work on them."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Channel, ChannelImageFile, Site, Well
from tmlib.images.channel_images import field_path, plane_stamp
from tmlib.storage import ExperimentStorage


class StoredPlanes:
    """The planes of channel images as they are stored now.

    Each is told by where it is, and by what its file is known by: it is another one whenever it
    was written again. No pixels are read.

    Parameters
    ----------
    session, storage
        Of the experiment; used only while this is made.
    channel_ids
        Channels that are looked at, all by default.
    """

    def __init__(
        self,
        session: Session,
        storage: ExperimentStorage,
        channel_ids: Collection[int] | None = None,
    ) -> None:
        query = (
            select(
                ChannelImageFile.site_id,
                ChannelImageFile.channel_id,
                ChannelImageFile.tpoint,
                ChannelImageFile.zplane,
                Channel.index.label("channel_index"),
                Well.plate_id,
                Well.name,
                Site.field,
            )
            .join(Channel, Channel.id == ChannelImageFile.channel_id)
            .join(Site, Site.id == ChannelImageFile.site_id)
            .join(Well, Well.id == Site.well_id)
            .where(ChannelImageFile.experiment_id == storage.experiment_id)
            .order_by(
                ChannelImageFile.site_id,
                ChannelImageFile.channel_id,
                ChannelImageFile.tpoint,
                ChannelImageFile.zplane,
                ChannelImageFile.id,
            )
        )
        if channel_ids is not None:
            query = query.where(ChannelImageFile.channel_id.in_(channel_ids))
        self._planes: dict[tuple[int, int], list[tuple[object, ...]]] = {}
        self._plates: dict[int, int] = {}
        folders = {}
        for row in session.execute(query):
            if row.site_id not in folders:
                store = storage.plate_images(row.plate_id)
                folders[row.site_id] = field_path(store, row.name, row.field)
                self._plates[row.site_id] = row.plate_id
            stamp = plane_stamp(
                folders[row.site_id], t=row.tpoint, c=row.channel_index, z=row.zplane
            )
            self._planes.setdefault((row.site_id, row.channel_id), []).append((*row[2:], stamp))

    def of_site(self, site_id: int, channel_ids: Sequence[int]) -> list[object]:
        """What the planes of a site in some channels are known by, one after the other."""
        return [self._planes.get((site_id, channel_id), ()) for channel_id in channel_ids]

    def of_channel(self, channel_id: int, plate_id: int | None) -> list[object]:
        """What all planes of a channel are known by, or those of a plate."""
        return [
            (site_id, planes)
            for (site_id, of_channel), planes in self._planes.items()
            if of_channel == channel_id and plate_id in (None, self._plates[site_id])
        ]
