"""Images of sites as steps need them: corrected for uneven light, and aligned between cycles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Channel, ChannelImageFile, SiteShift
from tmlib.images.alignment import Shift, crop
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.reading import GrayImage
from tmlib.storage import ExperimentStorage
from tmlib.workflow.steps.corilla import Corrections
from tmlib.workflow.steps.imaged_planes import planes_of_channels
from tmlib.workflow.steps.plate_map import PlacedSite


class SiteImages:
    """The images of an experiment, read one plane at a time.

    Parameters
    ----------
    session
        Used only while this is made.
    storage
        Folders of the experiment.
    """

    def __init__(self, session: Session, storage: ExperimentStorage) -> None:
        self._storage = storage
        self._corrections = Corrections(session, storage)
        channels = select(Channel).where(Channel.experiment_id == storage.experiment_id)
        self._channels = {channel.name: channel for channel in session.scalars(channels)}
        self._zplanes = planes_of_channels(session, storage.experiment_id)
        shifts = select(SiteShift).where(SiteShift.experiment_id == storage.experiment_id)
        self._shifts = {
            (shift.site_id, shift.cycle_id): Shift(shift.y, shift.x)
            for shift in session.scalars(shifts)
        }
        self._cycles: dict[int, int | None] = {}
        if self._shifts:
            cycles = (
                select(ChannelImageFile.channel_id, ChannelImageFile.cycle_id)
                .where(ChannelImageFile.experiment_id == storage.experiment_id)
                .distinct()
            )
            self._cycles = {row.channel_id: row.cycle_id for row in session.execute(cycles)}

    def read(
        self,
        site: PlacedSite,
        channel_name: str,
        *,
        t: int,
        z: int,
        correct: bool = False,
        align: bool = False,
    ) -> GrayImage:
        """Read one plane (y, x).

        Parameters
        ----------
        site
            Which site.
        channel_name, t, z
            Which of its planes.
        correct
            Whether to correct uneven light, where corilla has measured it.
        align
            Whether to cut out what all cycles show, which lies at the site's ``aligned_box``.

        Raises
        ------
        NotFound
            If it was never written.
        """
        channel = self._channels[channel_name]
        path = field_path(self._storage.plate_images(site.plate_id), site.well_name, site.field)
        pixels = read_plane(path, t=t, c=channel.index, z=z)
        if correct:
            pixels = self._corrections.correct(channel_name, site.plate_id, pixels)
        return crop(pixels, self._shift(site, channel), site.residues) if align else pixels

    def read_stack(
        self,
        site: PlacedSite,
        channel_name: str,
        *,
        t: int,
        correct: bool = False,
        align: bool = False,
    ) -> NDArray[Any]:
        """Read all focal planes (y, x, z) of a channel, or the image (y, x) if it has only one.

        Channels may have different numbers of planes. The arguments are those of :meth:`read`.
        """
        planes = [
            self.read(site, channel_name, t=t, z=z, correct=correct, align=align)
            for z in self._zplanes[self._channels[channel_name].id]
        ]
        return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)

    def fingerprint(
        self, site: PlacedSite, channel_name: str, *, correct: bool, align: bool
    ) -> tuple[object, ...]:
        """What else than the stored pixels decides about what :meth:`read` gives."""
        light = self._corrections.content(channel_name, site.plate_id) if correct else None
        shift = self._shift(site, self._channels[channel_name])
        return (light, shift, site.residues) if align else (light,)

    def _shift(self, site: PlacedSite, channel: Channel) -> Shift:
        cycle_id = self._cycles.get(channel.id)
        return self._shifts.get((site.id, cycle_id or 0), Shift(0, 0))
