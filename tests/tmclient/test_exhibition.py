import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.tmclient.scripted_server import Answer, ScriptedServer
from tmclient import ResourceError, TmClient
from tmclient.exhibition import PALETTES

FOUND = {
    "type": "Cells",
    "plate_name": "p",
    "well_name": "A01",
    "well_pos_y": 0,
    "well_pos_x": 1,
    "tpoint": 0,
    "zplane": 0,
    "label": 2,
}
EXPERIMENT = Answer({"data": [{"id": "MQ==", "name": "e"}]})


def named(name: str) -> Answer:
    return Answer({"data": [{"id": "Mg==", "name": name}]})


def npz(labels: NDArray[np.int32]) -> Answer:
    content = io.BytesIO()
    np.savez(content, segmentation=labels)
    return Answer(content.getvalue())


def test_an_object_is_shown_with_outlines(server: ScriptedServer, client: TmClient) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[5:11, 8:18] = 2
    labels[0:3, 0:3] = 1
    inner = np.zeros_like(labels)
    inner[7:9, 10:16] = 5
    image = np.zeros((20, 30), np.uint16)
    image[:, 15:] = 4000
    png = io.BytesIO()
    Image.fromarray(image).save(png, format="PNG")
    server.script(
        EXPERIMENT,
        Answer({"data": FOUND}),
        *(named("Cells"), npz(labels)),
        *(named("Cells"), npz(labels)),
        *(named("Nuclei"), npz(inner)),
        *(named("DAPI"), Answer(png.getvalue())),
    )
    (picture,) = client.exhibit_mapobject(7, ["DAPI"], ["Cells", "Nuclei"], extra_margin=2)
    first, second = PALETTES["colorblind"][:2]
    assert picture.shape == (6 + 4, 10 + 4, 3)
    around, inside = (np.all(picture == color, axis=2) for color in (first, second))
    expected = np.zeros((10, 14), bool)
    expected[2:8, 2:12] = True
    expected[3:7, 3:11] = False
    assert np.array_equal(around, expected)
    assert np.count_nonzero(inside) == 12
    # between the outlines the channel, from black to white
    assert picture[3, 3].tolist() == [0, 0, 0]
    assert picture[3, 10].tolist() == [255, 255, 255]


def test_what_has_no_outline_is_named(server: ScriptedServer, client: TmClient) -> None:
    server.script(EXPERIMENT, Answer({"data": FOUND | {"label": None, "type": "Wells"}}))
    with pytest.raises(ResourceError, match="no outline"):
        client.exhibit_mapobject(7, ["DAPI"])
    with pytest.raises(ResourceError, match=r"no palette gray: use colorblind, bright\."):
        client.exhibit_mapobject(7, ["DAPI"], palette_name="gray")
