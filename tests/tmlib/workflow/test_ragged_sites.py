"""Sites that were not imaged in all channels and focal planes that others were."""

from pathlib import Path

import pytest

from tests.services.conversion import Conversion, write_images
from tmlib.experiments.models import Site
from tmlib.workflow.steps.imaged_planes import ImagedPlanes

PATTERN = r"(?P<w>[A-Z]\d\d)_s(?P<s>\d)_z(?P<z>\d)_(?P<c>\w+)\."

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def ragged(tmp_path: Path, conversion: Conversion) -> Conversion:
    names = [f"A01_s{s}_z{z}_DAPI.tif" for s in (1, 2, 3) for z in (1, 2, 3)]
    names += [f"A01_s{s}_z1_GFP.tif" for s in (1, 2)]
    names.remove("A01_s2_z3_DAPI.tif")
    write_images(tmp_path, names)
    conversion.set(microscope_type="generic")
    conversion.take(tmp_path)
    return conversion


def test_what_a_site_lacks_is_named(ragged: Conversion) -> None:
    assert ragged.convert(regex=PATTERN) == ""
    sites = ragged.values(Site.id)
    with ragged.database.session() as session:
        both = ImagedPlanes(session, ragged.experiment.id, sites, ["DAPI", "GFP"])
        one = ImagedPlanes(session, ragged.experiment.id, sites, ["GFP"])
    assert [both.lacking(site, 0) for site in sites] == [
        None,
        'of channel "DAPI" at focal plane 2',
        'of channel "GFP"',
    ]
    assert [one.lacking(site, 0) for site in sites] == [None, None, 'of channel "GFP"']
    assert both.lacking(sites[0], 1) == 'of channel "DAPI" and of channel "GFP"'


def test_projections_of_fewer_planes_are_named(ragged: Conversion) -> None:
    assert ragged.convert(regex=PATTERN, mip=True) == ""
    assert {len(plane.planes) for plane in ragged.shown()} == {1, 2, 3}
    log = ragged.log("metaconfig")
    assert 'Channel "DAPI" has 3 focal planes; 1 of 3 projections are made of fewer: 2' in log
    assert "GFP" not in log
