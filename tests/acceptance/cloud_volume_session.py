"""Reads points of an annotation table by a link, with CloudVolume.

They are on the diagonal: that with the number n at (n, 2 n, 0), n is even or odd, and refers to the
point 1.
"""

import sys

from cloudvolume.datasource.precomputed.annotation import PrecomputedAnnotationSource

link, count = sys.argv[1], int(sys.argv[2])

points = PrecomputedAnnotationSource(link)
levels = len(points.meta.info["spatial"])
assert levels > 1, levels
found: dict[int, str] = {}
for level in range(levels):
    table = points.get_all(mip=level).pandas()
    assert (table["y"] == 2 * table["x"]).all()
    assert (table["x"] == table.index).all()
    assert not found.keys() & set(table.index)
    found |= table["tag"].to_dict()
assert sorted(found) == list(range(1, count + 1))
assert all(tag == ("even" if number % 2 == 0 else "odd") for number, tag in found.items())
one = points.get_by_id(7)
assert one.points.tolist() == [[7, 14, 0]]
assert [numbers.tolist() for numbers in one.relationships.values()] == [[1]]
assert len(points.get_by_relationship("targets", 1)) == count
