"""What an analysis has left at sites: objects, their label images, files of their values."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tmlib.db.many import parts
from tmlib.experiments.models import Site, Well
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import labels_stamp
from tmlib.objects.models import Feature, FeatureValueFile, Mapobject, MapobjectType
from tmlib.storage import ExperimentStorage, file_stamp
from tmlib.workflow.steps.base import digest


class AnalysisOutput:
    """The output of an analysis at some sites, as it is stored now.

    Parameters
    ----------
    session, storage
        Of the experiment; used only while this is made.
    names
        Types of the objects that the analysis keeps.
    site_ids
        Which sites.
    overlapping
        Those whose objects may be dropped later, because other sites show them too: what is left
        of them is told by :meth:`describe_remaining` only.
    """

    def __init__(
        self,
        session: Session,
        storage: ExperimentStorage,
        names: Collection[str],
        site_ids: Collection[int],
        overlapping: Collection[int] = (),
    ) -> None:
        self._root = storage.root
        self._overlapping = set(overlapping)
        experiment_id = storage.experiment_id
        types = session.execute(
            select(MapobjectType.id, MapobjectType.name)
            .where(MapobjectType.experiment_id == experiment_id, MapobjectType.name.in_(names))
            .order_by(MapobjectType.id)
        )
        self._types = {row.id: row.name for row in types}
        self._is_whole = len(self._types) == len(names)
        last = select(func.max(FeatureValueFile.tpoint)).where(
            FeatureValueFile.mapobject_type_id.in_(self._types)
        )
        self._n_tpoints = (session.scalar(last) or 0) + 1
        self._keys: dict[int, list[str]] = defaultdict(list)
        for feature in session.execute(
            select(Feature.mapobject_type_id, Feature.key)
            .where(Feature.mapobject_type_id.in_(self._types))
            .order_by(Feature.id)
        ):
            self._keys[feature.mapobject_type_id].append(feature.key)
        self._objects: dict[int, list[tuple[object, ...]]] = defaultdict(list)
        self._values: dict[int, list[tuple[int, int, int, str]]] = defaultdict(list)
        self._fields: dict[int, Path] = {}
        for part in parts(site_ids):
            self._read_sites(session, storage, part)
        self._compacted: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for row in session.execute(
            _value_files(self._types).where(FeatureValueFile.site_id.is_(None))
        ):
            self._compacted[tuple(row[1:4])].append(row.path)
        self._compacted_there: dict[tuple[int, ...], bool] = {}
        self._digests: dict[tuple[int, int], str] = {}

    def _read_sites(
        self, session: Session, storage: ExperimentStorage, site_ids: Sequence[int]
    ) -> None:
        for type_id in self._types:  # SQLite finds the index only for one type at a time
            counts = (
                select(Mapobject.ref_id, func.count(), func.min(Mapobject.id))
                .add_columns(func.max(Mapobject.id))
                .where(
                    Mapobject.experiment_id == storage.experiment_id,
                    Mapobject.mapobject_type_id == type_id,
                    Mapobject.ref_id.in_(site_ids),
                )
                .group_by(Mapobject.ref_id)
            )
            for site_id, *counted in session.execute(counts):
                self._objects[site_id].append((type_id, *counted))
        files = _value_files(self._types).where(FeatureValueFile.site_id.in_(site_ids))
        for site_id, type_id, tpoint, zplane, path in session.execute(files):
            self._values[site_id].append((type_id, tpoint, zplane, path))
        places = (
            select(Site.id, Site.field, Well.name, Well.plate_id)
            .join(Well, Well.id == Site.well_id)
            .where(Site.id.in_(site_ids))
        )
        for row in session.execute(places):
            store = storage.plate_images(row.plate_id)
            self._fields[row.id] = field_path(store, row.name, row.field)

    def describe(self, site_ids: Sequence[int]) -> str | None:
        """What the output at some sites is known by, when it has just been made."""
        if not self._is_whole:
            return None
        values = [[site_id, *value] for site_id in site_ids for value in self._values[site_id]]
        features = {
            str(type_id): self._features(type_id, len(self._keys[type_id]))
            for type_id in self._types
        }
        return json.dumps(
            {"objects": self._digest(site_ids, values), "features": features, "values": values}
        )

    def stands(self, site_ids: Sequence[int], description: str) -> bool:
        """Whether the output at some sites is still what was described.

        Files of values may have been compacted since, and features may have come in addition. If
        the values of a site were replaced or added to, the output is not what it was.
        """
        known = json.loads(description)
        if known["features"].keys() != set(map(str, self._types)) or not self._is_whole:
            return False
        if not all(self._has_features(int(key), *one) for key, one in known["features"].items()):
            return False
        if known["objects"] != self._digest(site_ids, known["values"]):
            return False
        listed = {
            (site_id, *value[:3]): value[3]
            for site_id in site_ids
            for value in self._values[site_id]
        }
        paths = {tuple(value[:4]): value[4] for value in known["values"]}
        if not listed.items() <= paths.items():
            return False
        return all(
            self._is_there(path) if place in listed else self._is_compacted(place[1:])
            for place, path in paths.items()
        )

    def _digest(self, site_ids: Sequence[int], values: Sequence[Sequence[Any]]) -> str:
        """Which objects there are at sites, and what the images of their labels are known by."""
        labels = [
            labels_stamp(self._fields[site_id], self._types[type_id], t=tpoint, z=zplane)
            for site_id, type_id, tpoint, zplane, _ in values
            if site_id not in self._overlapping
        ]
        objects = [
            (site_id, self._objects[site_id])
            for site_id in site_ids
            if site_id not in self._overlapping
        ]
        return digest(self._types, objects, labels)

    def describe_remaining(self, site_ids: Sequence[int]) -> str:
        """What is left of the objects of overlapping sites, once each is counted once."""
        labels = [
            labels_stamp(self._fields[site_id], name, t=tpoint, z=0)
            for site_id in site_ids
            for name in self._types.values()
            for tpoint in range(self._n_tpoints)
        ]
        objects = [(site_id, self._objects[site_id]) for site_id in site_ids]
        return digest(self._types, objects, labels)

    def _features(self, type_id: int, number: int) -> tuple[int, str]:
        """So many features of a type, the oldest ones: their number and a digest."""
        if (type_id, number) not in self._digests:
            self._digests[type_id, number] = digest(self._keys[type_id][:number])
        return number, self._digests[type_id, number]

    def _has_features(self, type_id: int, number: int, known: str) -> bool:
        return self._features(type_id, number) == (number, known)

    def _is_there(self, path: str) -> bool:
        return file_stamp(f"{self._root}/{path}") is not None

    def _is_compacted(self, place: tuple[int, ...]) -> bool:
        """Whether there is a file of all sites for a type, time point and plane."""
        if place not in self._compacted_there:
            paths = self._compacted[place]
            self._compacted_there[place] = bool(paths) and all(map(self._is_there, paths))
        return self._compacted_there[place]


def _value_files(type_ids: Collection[int]) -> Select[*tuple[Any, ...]]:
    files = FeatureValueFile
    return (
        select(files.site_id, files.mapobject_type_id, files.tpoint, files.zplane, files.path)
        .where(files.mapobject_type_id.in_(type_ids))
        .order_by(files.site_id, files.mapobject_type_id, files.tpoint, files.zplane)
    )
