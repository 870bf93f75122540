"""Which channels and focal planes sites were imaged in: not all instruments fill every place."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Channel, ChannelImageFile

_Plane = tuple[int, int]


def planes_of_channels(session: Session, experiment_id: int) -> dict[int, list[int]]:
    """The focal planes of each channel, by its id: those that any site was imaged at."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = session.execute(
        select(ChannelImageFile.channel_id, ChannelImageFile.zplane)
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .where(Channel.experiment_id == experiment_id)
        .distinct()
    )
    for channel_id, zplane in sorted(tuple(row) for row in rows):
        found[channel_id].append(zplane)
    return dict(found)


class ImagedPlanes:
    """The planes of some sites.

    Parameters
    ----------
    session
        Used only while this is made.
    experiment_id
        The experiment.
    site_ids
        The sites.
    channel_names
        Channels that are looked at.
    """

    def __init__(
        self,
        session: Session,
        experiment_id: int,
        site_ids: Collection[int],
        channel_names: Collection[str],
    ) -> None:
        channels = session.execute(
            select(Channel.id, Channel.name)
            .where(Channel.experiment_id == experiment_id, Channel.name.in_(channel_names))
            .order_by(Channel.index)
        )
        self._names = {row.id: row.name for row in channels}
        self._expected = planes_of_channels(session, experiment_id)
        rows = session.execute(
            select(
                ChannelImageFile.site_id,
                ChannelImageFile.tpoint,
                ChannelImageFile.channel_id,
                ChannelImageFile.zplane,
            ).where(ChannelImageFile.site_id.in_(site_ids))
        )
        self._found: dict[tuple[int, int], set[_Plane]] = defaultdict(set)
        for row in rows:
            self._found[row.site_id, row.tpoint].add((row.channel_id, row.zplane))

    def lacking(self, site_id: int, tpoint: int) -> str | None:
        """Which channels and focal planes, counted from 0, a site was not imaged in.

        None if it has all that other sites have.
        """
        found = self._found.get((site_id, tpoint), set())
        lacking = []
        for channel_id, name in self._names.items():
            expected = self._expected.get(channel_id, [])
            absent = [zplane for zplane in expected if (channel_id, zplane) not in found]
            if len(absent) == len(expected):
                lacking.append(f'of channel "{name}"')
            elif absent:
                planes = ", ".join(map(str, absent))
                lacking.append(f'of channel "{name}" at focal plane {planes}')
        return " and ".join(lacking) or None
