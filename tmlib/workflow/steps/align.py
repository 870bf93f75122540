"""Step align: measures how far the images of each cycle lie beside those of a reference cycle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar

import numpy as np
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from tmlib.db.many import change_among, select_among
from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelImageFile, Cycle, Site, SiteShift
from tmlib.images.alignment import MeasuredShift, Residues, measure_shift
from tmlib.images.reading import GrayImage
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work, chunks, digest, logger
from tmlib.workflow.steps.corilla import Corrections
from tmlib.workflow.steps.plate_map import PlacedSite, read_plate_map
from tmlib.workflow.steps.site_images import SiteImages
from tmlib.workflow.steps.stored_planes import StoredPlanes

_DOUBTFUL = 0.2


@dataclass(frozen=True)
class _CycleImages:
    """The images by which a cycle is aligned: focal planes by site, in the channel of that name."""

    id: int
    index: int
    channel_name: str
    planes: dict[int, list[int]]


@dataclass(frozen=True)
class _Alignment:
    """The shifts of a site by the id of the cycle; none if it is omitted."""

    site_id: int
    shifts: dict[int, MeasuredShift]

    @property
    def residues(self) -> Residues:
        return Residues.of(shift.whole for shift in self.shifts.values())


class Align(Step):
    """Alignment of the cycles of a multiplexing experiment, site by site."""

    name = "align"
    fullname = "Image registration"
    help = "Measures the shift of every cycle against a reference cycle, for each site."
    version = 1
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("illumcorr", bool, "Correct uneven illumination first; needs corilla.", False),
        Argument(
            "ref_cycle", int, "Cycle to align the others with, from 0.", required=True, minimum=0
        ),
        Argument(
            "ref_wavelength", str, "Wavelength that was imaged in every cycle.", required=True
        ),
        Argument(
            "rescale_percentile",
            float,
            "Percentile of intensities that robust_align clips at.",
            99.9,
            minimum=0,
            maximum=100,
        ),
        Argument("robust_align", bool, "Clip what is brightest, dirt for example, first.", False),
        Argument(
            "shift_limit",
            int,
            "Sites that lie further off than this many pixels are omitted.",
            100,
            minimum=0,
        ),
    )

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Cut the sites into batches."""
        with context.database.session() as session:
            cycles = _read_cycles(session, context)
            sites = read_plate_map(session, context.experiment_id).sites
            channels = _channels(session, context, cycles)
            planes = StoredPlanes(session, context.storage, channels.values())
            corrections = Corrections(session, context.storage)
        work = []
        for part in chunks(sites, int(context.arguments["batch_size"] or 1)):
            ids = [site.id for site in part]
            light = {
                (plate_id, name): corrections.content(name, plate_id)
                for plate_id in sorted({site.plate_id for site in part})
                for name in channels
                if context.arguments["illumcorr"]
            }
            images = [planes.of_site(site_id, list(channels.values())) for site_id in ids]
            inputs = {
                "images": digest(images, [(cycle.index, cycle.id) for cycle in cycles]),
                "illumination": digest(light),
            }
            work.append(Work({"site_ids": ids}, inputs))
        return [work]

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Forget the shifts of other sites than these."""
        kept = {site_id for batch in current for site_id in batch["site_ids"]}
        context.effects.append(lambda session: _forget_others(session, context, kept))

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """The shifts of the sites and what they come to."""
        ids = [site_id for batch in batches for site_id in batch["site_ids"]]
        known: dict[int, list[tuple[object, ...]]] = {site_id: [] for site_id in ids}
        residues = Site.top_residue, Site.bottom_residue, Site.left_residue, Site.right_residue
        sites = select(Site.id, Site.omitted, *residues)
        for row in select_among(session, sites, Site.id, ids):
            known[row.id].append(tuple(row))
        shifts = select(SiteShift.site_id, SiteShift.cycle_id, SiteShift.y, SiteShift.x)
        for row in select_among(
            session, shifts.order_by(SiteShift.cycle_id), SiteShift.site_id, ids
        ):
            known[row.site_id].append(tuple(row))
        return [digest([known[site_id] for site_id in batch["site_ids"]]) for batch in batches]

    def run(self, context: StepContext, batch: Batch) -> None:
        """Measure the shifts of the sites of a batch."""
        with context.database.session() as session:
            reference, *others = _read_cycles(session, context)
            site_images = SiteImages(session, context.storage)
            wanted = set(batch["site_ids"])
            plate_map = read_plate_map(session, context.experiment_id)
            sites = [site for site in plate_map.sites if site.id in wanted]
        alignments = []
        for site in sites:
            measured = _measure(context, site_images, site, reference, others)
            alignments.append(_judge(context, site, reference, measured))
        n_omitted = sum(not alignment.shifts for alignment in alignments)
        logger.info("%d sites aligned, %d omitted", len(sites) - n_omitted, n_omitted)
        context.effects.append(lambda session: _record(session, context.experiment_id, alignments))


def _read_cycles(session: Session, context: StepContext) -> list[_CycleImages]:
    """All cycles with their images in the reference wavelength, the reference cycle first."""
    number, wavelength = context.arguments["ref_cycle"], context.arguments["ref_wavelength"]
    for name, value in (("ref_cycle", number), ("ref_wavelength", wavelength)):
        if value is None:
            raise BadInput(f'Argument "{name}" of step "align" is required: give it a value.')
    cycles = session.scalars(
        select(Cycle).where(Cycle.experiment_id == context.experiment_id).order_by(Cycle.index)
    ).all()
    if len(cycles) < 2:
        raise BadInput(
            "There is only one cycle, nothing to align: create the experiment with "
            '"plate_acquisition_mode" multiplexing and give each plate one acquisition per cycle, '
            'or leave step "align" out.'
        )
    if number not in [cycle.index for cycle in cycles]:
        raise BadInput(
            f'Argument "ref_cycle" of step "align" is {number}, '
            f"the cycles are numbered 0 to {cycles[-1].index}."
        )
    found = [_read_cycle(session, cycle, str(wavelength)) for cycle in cycles]
    return sorted(found, key=lambda cycle: cycle.index != number)


def _read_cycle(session: Session, cycle: Cycle, wavelength: str) -> _CycleImages:
    rows = session.execute(
        select(ChannelImageFile.site_id, ChannelImageFile.zplane, Channel.name)
        .join(Channel, Channel.id == ChannelImageFile.channel_id)
        .where(ChannelImageFile.cycle_id == cycle.id, Channel.wavelength == wavelength)
        .order_by(ChannelImageFile.zplane)
    ).all()
    if not rows:
        imaged = session.scalars(
            select(Channel.wavelength)
            .join(ChannelImageFile, ChannelImageFile.channel_id == Channel.id)
            .where(ChannelImageFile.cycle_id == cycle.id)
            .distinct()
        )
        raise BadInput(
            f'Cycle {cycle.index} has no images of wavelength "{wavelength}", the "ref_wavelength" '
            f'of step "align"; it has {", ".join(sorted(imaged))}.'
        )
    planes: dict[int, list[int]] = {}
    for row in rows:
        planes.setdefault(row.site_id, []).append(row.zplane)
    return _CycleImages(cycle.id, cycle.index, rows[0].name, planes)


def _measure(
    context: StepContext,
    site_images: SiteImages,
    site: PlacedSite,
    reference: _CycleImages,
    others: list[_CycleImages],
) -> dict[int, tuple[int, MeasuredShift]] | None:
    """Cycle's id and shift by the cycle's index; None if the reference has no image."""

    def read(cycle: _CycleImages) -> GrayImage:
        correct = bool(context.arguments["illumcorr"])
        return reduce(
            np.maximum,
            (
                site_images.read(site, cycle.channel_name, t=0, z=z, correct=correct)
                for z in cycle.planes[site.id]
            ),
        )

    if site.id not in reference.planes:
        return None
    percentile = context.arguments["rescale_percentile"]
    robust = bool(context.arguments["robust_align"]) and percentile is not None
    target = read(reference)
    measured = {reference.index: (reference.id, MeasuredShift(0.0, 0.0, 1.0))}
    for cycle in others:
        if site.id in cycle.planes:
            shift = measure_shift(
                target, read(cycle), clip_percentile=float(percentile or 100) if robust else None
            )
            measured[cycle.index] = cycle.id, shift
    return measured


def _judge(
    context: StepContext,
    site: PlacedSite,
    reference: _CycleImages,
    measured: dict[int, tuple[int, MeasuredShift]] | None,
) -> _Alignment:
    """Take the shifts of a site, or omit it, and say so in the log."""
    place = f"site {site.field} of well {site.well_name} (plate {site.plate_id})"
    if measured is None:
        logger.warning("%s is omitted: cycle %d has no image of it", place, reference.index)
        return _Alignment(site.id, {})
    limit = int(context.arguments["shift_limit"] or 0)
    too_far = False
    for index, (_, shift) in measured.items():
        off = f"{shift.y:+.1f}, {shift.x:+.1f} pixels (y, x), quality {shift.quality:.2f}"
        if shift.whole.size > limit:
            too_far = True
            logger.warning(
                "%s is omitted: cycle %d is off by %s, the limit is %d", place, index, off, limit
            )
        elif shift.quality < _DOUBTFUL:
            logger.warning("%s is doubtful: cycle %d is off by %s", place, index, off)
        else:
            logger.info("%s: cycle %d is off by %s", place, index, off)
    alignment = _Alignment(site.id, dict(measured.values()))
    if not too_far:
        common = replace(site, residues=alignment.residues).aligned_box
        too_far = min(common.height, common.width) < 1
        if too_far:
            logger.warning("%s is omitted: there is nothing that all cycles show", place)
    return _Alignment(site.id, {}) if too_far else alignment


def _channels(
    session: Session, context: StepContext, cycles: Sequence[_CycleImages]
) -> dict[str, int]:
    """Ids of the channels that cycles are aligned by, by their names."""
    rows = session.execute(
        select(Channel.name, Channel.id)
        .where(
            Channel.experiment_id == context.experiment_id,
            Channel.name.in_([cycle.channel_name for cycle in cycles]),
        )
        .order_by(Channel.id)
    )
    return {row.name: row.id for row in rows}


def _forget_others(session: Session, context: StepContext, kept: set[int]) -> None:
    found = session.scalars(select(Site.id).where(Site.experiment_id == context.experiment_id))
    others = set(found) - kept
    change_among(session, delete(SiteShift), SiteShift.site_id, others)
    residues = dict.fromkeys(("top_residue", "bottom_residue", "left_residue", "right_residue"), 0)
    change_among(session, update(Site).values(omitted=False, **residues), Site.id, others)


def _record(session: Session, experiment_id: int, alignments: list[_Alignment]) -> None:
    session.execute(
        delete(SiteShift).where(SiteShift.site_id.in_([one.site_id for one in alignments]))
    )
    rows = [
        {
            "site_id": alignment.site_id,
            "cycle_id": cycle_id,
            "experiment_id": experiment_id,
            "y": shift.whole.y,
            "x": shift.whole.x,
            "quality": shift.quality,
        }
        for alignment in alignments
        for cycle_id, shift in alignment.shifts.items()
    ]
    if rows:
        session.execute(insert(SiteShift), rows)
    session.execute(
        update(Site),
        [
            {
                "id": alignment.site_id,
                "omitted": not alignment.shifts,
                "top_residue": alignment.residues.top,
                "bottom_residue": alignment.residues.bottom,
                "left_residue": alignment.residues.left,
                "right_residue": alignment.residues.right,
            }
            for alignment in alignments
        ],
    )
