"""Duplicate objects in overlapping sites: they are found, and one of each is kept.

Two objects of neighbouring sites are the same if their pixels coincide in the area that both sites
show. Of a group of such objects, even if one site splits what another shows as one, the view of the
site that shows them completely is kept; of several such sites, that with the nearest centre; if
there is none, that which shows most of the group.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.segmentation import expand_labels

from tmlib.images.label_images import LabelImage
from tmlib.images.map_layout import Box, overlapping

_COVERED = 0.4
"""Fraction of the smaller object that two must share in the overlap to be the same."""

_REACH = 2
"""Pixels by which an object may be displaced from its part that a border has clipped."""

_INSIDE = 0.5
"""Fraction of an object that must be in the overlap if the other site shows it completely."""

_FRAGMENT = 0.5
"""Fraction of the largest view of an object below which another view is a mere part of it."""

_LINKED = 0.9
"""Fraction of pixels with equal labels above which labels of two types mean the same objects."""


class Node(NamedTuple):
    """An object in one site, by the number of the site."""

    site: int
    label: int


@dataclass(frozen=True)
class Duplicate:
    """An object to be dropped, and the one that is kept instead."""

    dropped: Node
    kept: Node


@dataclass(frozen=True)
class _View:
    """A site's view of an object: its pixels, distance from the site's centre, whether clipped."""

    area: int
    distance: float
    is_cut: bool


@dataclass(frozen=True)
class _Strip:
    """The labels of a site in the area that it shares with another site.

    ``around`` has some more pixels on each side, 0 outside of the site.
    """

    around: LabelImage

    @classmethod
    def of(cls, labels: LabelImage, box: Box, other: Box) -> "_Strip":
        """The strip of a label image, of the size of its box."""
        top, left = max(box.y, other.y) - box.y, max(box.x, other.x) - box.x
        bottom = min(box.y + box.height, other.y + other.height) - box.y
        right = min(box.x + box.width, other.x + other.width) - box.x
        around = np.zeros((bottom - top + 2 * _REACH, right - left + 2 * _REACH), np.int32)
        first = max(top - _REACH, 0), max(left - _REACH, 0)
        part = labels[first[0] : bottom + _REACH, first[1] : right + _REACH]
        start = first[0] - top + _REACH, first[1] - left + _REACH
        around[start[0] : start[0] + part.shape[0], start[1] : start[1] + part.shape[1]] = part
        return cls(around)

    @property
    def labels(self) -> LabelImage:
        """Labels of the shared area alone."""
        return self.around[_REACH:-_REACH, _REACH:-_REACH]

    def grown(self) -> LabelImage:
        """Labels including the margin, with objects dilated by its width."""
        # scikit-image has no types for this function
        return np.asarray(expand_labels(self.around, _REACH))  # type: ignore[no-untyped-call]


class OverlappingLabels:
    """The label images of overlapping sites of a well, at one time point.

    Images are added site by site; only the strips that are shared with sites still to come are
    kept.

    Parameters
    ----------
    boxes
        Positions of the sites on the map.
    n_types
        Number of types of objects.
    """

    def __init__(self, boxes: Sequence[Box], n_types: int) -> None:
        self._boxes = boxes
        self._n_types = n_types
        self._pairs: dict[int, list[int]] = defaultdict(list)
        for i, j in overlapping(boxes):
            self._pairs[i].append(j)
            self._pairs[j].append(i)
        self._strips: dict[tuple[int, int], list[_Strip]] = {}
        self._views: list[dict[Node, _View]] = [{} for _ in range(n_types)]
        self._present: list[set[Node]] = [set() for _ in range(n_types)]
        self._matches: list[list[tuple[Node, Node]]] = [[] for _ in range(n_types)]
        self._alike = np.zeros((n_types, n_types, 2), np.int64)

    def add(self, site: int, labels: Sequence[LabelImage]) -> None:
        """Add the label images (y, x) of a site, one for each type, of the size of its box."""
        seen = [self._look(site, one) for one in labels]
        near = {node for views in seen for node in views}
        for kind, one in enumerate(labels):
            self._views[kind].update(seen[kind])
            numbers = set(pd.unique(one.ravel()).tolist())
            self._present[kind].update(node for node in near if node.label in numbers)
        for i, j in combinations(range(self._n_types), 2):
            both = (labels[i] > 0) & (labels[j] > 0)
            same = labels[i][both] == labels[j][both]
            self._alike[i, j] += (same.size, np.count_nonzero(same))
        for other in self._pairs[site]:
            strips = [_Strip.of(one, self._boxes[site], self._boxes[other]) for one in labels]
            known = self._strips.pop((other, site), None)
            if known is None:
                self._strips[site, other] = strips
                continue
            for kind in range(self._n_types):
                self._match(kind, (site, strips[kind]), (other, known[kind]))

    def duplicates(self) -> list[list[Duplicate]]:
        """The objects of each type to be dropped.

        Objects of types that share labels, such as cells and their nuclei, are kept or dropped
        together.
        """
        found: list[list[Duplicate]] = [[] for _ in range(self._n_types)]
        for family in self._families():
            matches = self._matches_of(family)
            if not matches:
                continue
            for duplicate in self._choose(family, matches):
                for kind in family:
                    if duplicate.dropped in self._present[kind]:
                        found[kind].append(duplicate)
        return found

    def _look(self, site: int, labels: LabelImage) -> dict[Node, _View]:
        """The objects of a site that extend into another."""
        box = self._boxes[site]
        near = np.zeros(0, np.int32)
        for other in self._pairs[site]:
            near = np.union1d(near, _Strip.of(labels, box, self._boxes[other]).around)
        near = near[near > 0]
        pixels = np.flatnonzero(labels)
        codes, numbers = pd.factorize(labels.ravel()[pixels], sort=True)
        wanted = np.searchsorted(numbers, near)
        areas = np.bincount(codes, minlength=len(numbers))[wanted]
        squares = np.zeros(len(near))
        for axis, size in zip(np.divmod(pixels, box.width), (box.height, box.width), strict=True):
            sums = np.bincount(codes, weights=axis, minlength=len(numbers))[wanted]
            squares += (sums / areas - (size - 1) / 2) ** 2
        is_cut = np.isin(near, np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        columns = near, areas, np.sqrt(squares).round(6), is_cut
        return {
            Node(site, label): _View(*view)
            for label, *view in zip(*(column.tolist() for column in columns), strict=True)
        }

    def _match(self, kind: int, one: tuple[int, _Strip], other: tuple[int, _Strip]) -> None:
        """Record which objects of two sites are the same."""
        views = self._views[kind]
        found = same_objects(one[1].labels, other[1].labels)
        matched = {Node(one[0], i) for i, _ in found} | {Node(other[0], j) for _, j in found}

        def is_rest(site: int, label: int) -> bool:
            node = Node(site, label)
            return node not in matched and views[node].is_cut

        # the part of a clipped object may be so small that outlines just miss it
        rests = same_objects(one[1].grown(), other[1].around)
        found += [(i, j) for i, j in rests if is_rest(other[0], j)]
        rests = same_objects(one[1].around, other[1].grown())
        found += [(i, j) for i, j in rests if is_rest(one[0], i)]
        nodes = [(Node(one[0], i), Node(other[0], j)) for i, j in found]
        self._matches[kind] += [
            (i, j)
            for i, j in nodes
            if self._may_be(kind, i, j, other[1]) and self._may_be(kind, j, i, one[1])
        ]

    def _may_be(self, kind: int, node: Node, other: Node, strip: _Strip) -> bool:
        """Whether another site's strip is compatible with a view of an object.

        If the object is not clipped, the other site cannot show it beyond the overlap.
        """
        views = self._views[kind]
        n_inside = np.count_nonzero(strip.around == other.label)
        return views[node].is_cut or bool(n_inside >= _INSIDE * views[other].area)

    def _families(self) -> list[list[int]]:
        """Groups of types whose labels mean the same objects."""
        linked = self._alike[..., 1] > _LINKED * self._alike[..., 0]
        _, codes = connected_components(linked, directed=False)
        families = defaultdict(list)
        for kind, code in enumerate(codes.tolist()):
            families[code].append(kind)
        return list(families.values())

    def _matches_of(self, family: list[int]) -> list[tuple[Node, Node]]:
        """Which objects are the same; types with smaller objects are more reliable.

        Cells grow into each other where a site does not show a nucleus.
        """
        known: set[Node] = set()
        found: set[tuple[Node, Node]] = set()
        for kind in sorted(family, key=self._mean_area):
            found.update(
                (one, other)
                for one, other in self._matches[kind]
                if one not in known and other not in known
            )
            known |= self._present[kind]
        return sorted(found)

    def _mean_area(self, kind: int) -> float:
        views = self._views[kind].values()
        return sum(view.area for view in views) / max(len(views), 1)

    def _choose(self, family: list[int], matches: list[tuple[Node, Node]]) -> list[Duplicate]:
        """Choose one site's view of each group of identical objects."""
        partners: dict[Node, set[Node]] = defaultdict(set)
        for one, other in matches:
            partners[one].add(other)
            partners[other].add(one)
        duplicates = []
        for group in _groups(matches):
            site = self._best_site(family, group)
            kept = [node for node in group if node.site == site]
            duplicates += [
                Duplicate(node, min(partners[node].intersection(kept), default=kept[0]))
                for node in group
                if node.site != site
            ]
        return duplicates

    def _best_site(self, family: list[int], group: list[Node]) -> int:
        """The site with the best view of the objects of a group."""
        areas: dict[int, int] = defaultdict(int)
        n_cut: dict[int, int] = defaultdict(int)
        distances: dict[int, float] = defaultdict(float)
        for node in group:
            views = [v[node] for kind in family if node in (v := self._views[kind])]
            areas[node.site] += sum(view.area for view in views)
            n_cut[node.site] += any(view.is_cut for view in views)
            distances[node.site] = max(distances[node.site], *(view.distance for view in views))
        largest = max(areas.values())

        def rank(site: int) -> tuple[object, ...]:
            is_fragment = areas[site] < _FRAGMENT * largest
            by_area = -areas[site] if n_cut[site] else 0
            return is_fragment, n_cut[site], by_area, distances[site], site

        return min(areas, key=rank)


def same_objects(one: LabelImage, other: LabelImage) -> list[tuple[int, int]]:
    """Which labels of two images of the same area belong to the same object.

    Each object is compared with the one with which it shares most pixels.
    """
    both = (one > 0) & (other > 0)
    pairs, shared = np.unique(np.column_stack((one[both], other[both])), axis=0, return_counts=True)
    if not len(pairs):
        return []
    sizes = np.bincount(one.ravel())[pairs[:, 0]], np.bincount(other.ravel())[pairs[:, 1]]
    is_same = shared >= _COVERED * np.minimum(*sizes)
    is_best = _is_largest(pairs[:, 0], shared) | _is_largest(pairs[:, 1], shared)
    return [(int(i), int(j)) for i, j in pairs[is_same & is_best]]


def _sizes(labels: LabelImage, wanted: NDArray[np.int32]) -> NDArray[np.intp]:
    """Number of pixels of some labels of an image."""
    numbers, counts = np.unique(labels, return_counts=True)
    return counts[np.searchsorted(numbers, wanted)]


def _is_largest(groups: NDArray[np.integer], values: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Marks the first of the largest values of each group."""
    order = np.lexsort((-values, groups))
    first = np.r_[True, np.diff(groups[order]) != 0]
    found = np.zeros(len(groups), bool)
    found[order[first]] = True
    return found


def _groups(matches: list[tuple[Node, Node]]) -> list[list[Node]]:
    """Groups of objects that are the same, directly or through others."""
    nodes = sorted({node for match in matches for node in match})
    number = {node: i for i, node in enumerate(nodes)}
    ends = np.array([(number[one], number[other]) for one, other in matches])
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(nodes),) * 2)
    _, codes = connected_components(links, directed=False)
    groups = defaultdict(list)
    for node, code in zip(nodes, codes.tolist(), strict=True):
        groups[code].append(node)
    return list(groups.values())
