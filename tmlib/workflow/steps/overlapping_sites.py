"""Counts the objects once that several overlapping sites of a well show.

Sites are analysed one by one, so that each shows all its objects at first. Then, well by well, of
those that several sites show all views but one are dropped: from the label images, which decide
about what there is, and with them their outlines and values.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from tmlib.errors import NotFound
from tmlib.images.alignment import Shift, crop
from tmlib.images.channel_images import FieldShape, field_path
from tmlib.images.duplicates import OverlappingLabels
from tmlib.images.label_images import LabelImage, read_labels, write_labels
from tmlib.images.map_layout import overlapping
from tmlib.objects.values import feature_files
from tmlib.objects.writing.dropping import DroppedObjects, drop, prepare_dropped, recorded_labels
from tmlib.objects.writing.recording import Place
from tmlib.workflow.steps.analysis_inputs import AnalysisInputs
from tmlib.workflow.steps.base import Batch, Inputs, StepContext, Work, digest, logger
from tmlib.workflow.steps.plate_map import PlacedSite

WELL = "sites_of_well"
"""Key of the batches that count the objects of a well once; it holds ids of overlapping sites."""

IN_OVERLAP = "in_overlap"
"""Key of the other batches, with the ids of those of their sites that overlap others."""


class OverlappingWells:
    """Wells with overlapping sites, which are done again together.

    Parameters
    ----------
    sites
        All that are analysed.
    inputs
        What decides about the result of an analysis.
    """

    def __init__(self, sites: Sequence[PlacedSite], inputs: AnalysisInputs) -> None:
        pairs = overlapping([site.aligned_box for site in sites])
        self._wells: dict[tuple[int, str], list[PlacedSite]] = defaultdict(list)
        for number in sorted({i for pair in pairs for i in pair}):
            self._wells[_well(sites[number])].append(sites[number])
        self._inputs = {well: digest(inputs.of(own)) for well, own in self._wells.items()}
        self._ids = {site.id for own in self._wells.values() for site in own}

    def work_of(self, sites: Sequence[PlacedSite], inputs: Inputs) -> Work:
        """The analysis of some sites, which is also decided by all that overlap with them."""
        batch: Batch = {"site_ids": [site.id for site in sites]}
        in_overlap = [site for site in sites if site.id in self._ids]
        if in_overlap:
            batch[IN_OVERLAP] = [site.id for site in in_overlap]
            wells = sorted({_well(site) for site in in_overlap})
            inputs = {
                **inputs,
                "overlapping sites": digest([self._inputs[well] for well in wells]),
            }
        return Work(batch, inputs)

    def work(self) -> list[Work]:
        """The counting of objects in each well, once all sites are analysed."""
        return [
            Work({WELL: [site.id for site in own]}, {"overlapping sites": self._inputs[well]})
            for well, own in self._wells.items()
        ]


def _well(site: PlacedSite) -> tuple[int, str]:
    return site.plate_id, site.well_name


def stand_together(batches: Sequence[Batch], stands: Sequence[bool]) -> list[bool]:
    """Let no batch stand alone that shares a well of overlapping sites with one that does not.

    What was dropped at a site because another shows it is there again only if the site is
    analysed again.
    """
    wells = [set(batch[WELL]) for batch in batches if WELL in batch]
    overlapping_sites = [set(batch.get(WELL) or batch.get(IN_OVERLAP) or ()) for batch in batches]
    found = list(stands)
    while True:
        fallen = {
            site
            for sites, one in zip(overlapping_sites, found, strict=True)
            if not one
            for site in sites
        }
        fallen = {site for well in wells if well & fallen for site in well}
        after = [
            one and not sites & fallen for sites, one in zip(overlapping_sites, found, strict=True)
        ]
        if after == found:
            return found
        found = after


@dataclass(frozen=True)
class CountedTypes:
    """The types of objects of an analysis, and what the label images of a site are like."""

    ids: Mapping[str, int]
    shape: FieldShape
    pixel_size: float | None


def count_once(context: StepContext, sites: Sequence[PlacedSite], types: CountedTypes) -> None:
    """Drop all views but one of each object that several of the sites show.

    Doing it again, also when it was broken off, comes to the same: what is missing in the label
    images was dropped before.

    Parameters
    ----------
    context
        Takes what is dropped as effects.
    sites
        The overlapping ones of a well.
    types
        What they show.
    """
    for tpoint in range(types.shape.n_tpoints):
        n_dropped = 0
        for place, labels in _views_to_drop(context, sites, types, tpoint).items():
            name = next(name for name, id_ in types.ids.items() if id_ == place.mapobject_type_id)
            site = next(site for site in sites if site.id == place.site_id)
            _drop(context, site, name, place, labels, types)
            n_dropped += len(labels)
        logger.info(
            "%d objects that overlapping sites of well %s show more than once are dropped, "
            "time point %d",
            n_dropped,
            sites[0].well_name,
            tpoint,
        )
        context.progress((tpoint + 1) / types.shape.n_tpoints)


def _views_to_drop(
    context: StepContext, sites: Sequence[PlacedSite], types: CountedTypes, tpoint: int
) -> dict[Place, set[int]]:
    """Labels to be dropped at a time point."""
    found = OverlappingLabels([site.aligned_box for site in sites], len(types.ids))
    present: list[list[set[int]]] = []
    for number, site in enumerate(sites):
        labels = [
            crop(_read(context, site, name, types, tpoint), Shift(0, 0), site.residues)
            for name in types.ids
        ]
        found.add(number, labels)
        present.append([set(pd.unique(one.ravel()).tolist()) for one in labels])
    duplicates = found.duplicates()
    site_ids = [site.id for site in sites]
    dropped: dict[Place, set[int]] = {}
    for kind, type_id in enumerate(types.ids.values()):
        with context.database.session() as session:
            recorded = recorded_labels(session, context.experiment_id, type_id, tpoint, site_ids)
        views: dict[int, set[int]] = defaultdict(set)
        for duplicate in duplicates[kind]:
            views[duplicate.dropped.site].add(duplicate.dropped.label)
        for number, site in enumerate(sites):
            labels_to_drop = views[number] | (recorded[site.id] - present[number][kind])
            if labels_to_drop:
                dropped[Place(type_id, site.id, tpoint, 0)] = labels_to_drop
    return dropped


def _drop(
    context: StepContext,
    site: PlacedSite,
    name: str,
    place: Place,
    labels: set[int],
    types: CountedTypes,
) -> None:
    """Drop objects of a site: from its label image at once, from all else when the job ends."""
    whole = _read(context, site, name, types, place.tpoint)
    write_labels(
        _field(context, site),
        name,
        np.where(np.isin(whole, sorted(labels)), np.int32(0), whole),
        t=place.tpoint,
        z=place.zplane,
        n_tpoints=types.shape.n_tpoints,
        n_zplanes=types.shape.n_zplanes,
        pixel_size=types.pixel_size,
    )
    prepared = prepare_dropped(context.database, context.storage, place, labels)
    context.effects.append(partial(_record, context=context, dropped=prepared))


def _record(session: Session, context: StepContext, dropped: DroppedObjects) -> None:
    outdated = drop(session, dropped)
    context.afterwards.append(partial(feature_files.remove, outdated))


def _read(
    context: StepContext, site: PlacedSite, name: str, types: CountedTypes, tpoint: int
) -> LabelImage:
    """The label image of a site; empty if it was left out."""
    try:
        return read_labels(_field(context, site), name, t=tpoint, z=0)
    except NotFound:
        return np.zeros((site.box.height, site.box.width), np.int32)


def _field(context: StepContext, site: PlacedSite) -> Path:
    return field_path(context.storage.plate_images(site.plate_id), site.well_name, site.field)
