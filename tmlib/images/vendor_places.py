"""Positions of the scenes of a vendor's file, which bioio's readers give slowly or in part only."""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tmlib.images.reading import ImageFileError
from tmlib.microscopes.wells import normalise_well, well_at
from tmlib.microscopes.xml_files import number

Stage = tuple[float, float]

_WELL = re.compile(r"(?:^|/)([A-Za-z]{1,2})/?([0-9]{1,2})(?=$|[-/_ ])")
_REGION = re.compile(r"/R[0-9]+$")


@dataclass(frozen=True)
class ScenePlace:
    """The position of a scene.

    Attributes
    ----------
    well
        Name of the well, if known.
    stage
        Position (y, x) in micrometres; y increases with the rows of images, x with the columns.
    tiles
        The position of each tile of the scene; absent if those of the reader suffice.
    """

    well: str | None = None
    stage: Stage | None = None
    tiles: Sequence[Stage] = field(default_factory=list)


def scene_places(path: Path, reader: Any) -> list[ScenePlace]:
    """The position of each scene of a file that is open in a reader of bioio."""
    names = [str(name) for name in reader.scenes]
    find = {".czi": _zeiss, ".lif": _leica, ".nd2": _nikon}[path.suffix.lower()]
    return find(path, reader, names)


def well_of(name: str) -> str | None:
    """The well in the name of a scene, as in "B3_0001", "plate/B3/R1" and "plate/B/3/R1"."""
    found = {letters + number for letters, number in _WELL.findall(_REGION.sub("", name))}
    return normalise_well(found.pop()) if len(found) == 1 else None


def _zeiss(path: Path, reader: Any, names: list[str]) -> list[ScenePlace]:
    """ZEN lists scenes with well and position; its stage's y increases downwards."""
    listed = reader.metadata.findall("./Metadata/Information/Image/Dimensions/S/Scenes/Scene")
    scenes = sorted(listed, key=lambda scene: int(scene.get("Index", "0")))
    if len(scenes) != len(names):
        return [ScenePlace(well_of(name)) for name in names]
    places = []
    for name, scene in zip(names, scenes, strict=True):
        row, column = (scene.findtext(f"./Shape/{key}Index", "") for key in ("Row", "Column"))
        is_well = row.isdecimal() and column.isdecimal()
        well = well_at(int(row), int(column)) if is_well else well_of(name)
        places.append(ScenePlace(well, _x_and_y(scene.findtext("CenterPosition", ""))))
    return places


def _x_and_y(text: str) -> Stage | None:
    """(y, x) from two numbers separated by a comma, x first."""
    x, _, y = text.partition(",")
    position = number(y), number(x)
    return None if position[0] is None or position[1] is None else (position[0], position[1])


def _leica(path: Path, reader: Any, names: list[str]) -> list[ScenePlace]:
    """LAS X stores the positions of the tiles of a scan."""
    with importlib.import_module("liffile").LifFile(path) as file:
        size = path.stat().st_size
        if any(block.offset + block.size > size for block in file.memory_blocks.values()):
            raise ImageFileError(path, "is truncated: its end is missing. Upload it again.")
        scans = [image.tilescan for image in file.images]
    return [
        ScenePlace(
            well_of(name),
            tiles=[]
            if scan is None
            else [_turn(float(tile["pos_y"]), float(tile["pos_x"]), scan) for tile in scan.tiles],
        )
        for name, scan in zip(names, scans, strict=True)
    ]


def _turn(y: float, x: float, scan: Any) -> Stage:
    """Convert (y, x) in micrometres into the directions of the image's rows and columns."""
    if scan.swap_xy:
        y, x = x, y
    return 1e6 * (-y if scan.flip_y else y), 1e6 * (-x if scan.flip_x else x)


def _nikon(path: Path, reader: Any, names: list[str]) -> list[ScenePlace]:
    """NIS-Elements stores positions of the stage, and the rotation of the camera against it."""
    with importlib.import_module("nd2").ND2File(path) as file:
        loops = [loop for loop in file.experiment if loop.type == "XYPosLoop"]
        points = [point.stagePositionUm for point in loops[0].parameters.points] if loops else []
        channels = file.metadata.channels or []
        matrix = channels[0].volume.cameraTransformationMatrix if channels else None
    turn = np.eye(2) if matrix is None else np.asarray(matrix, dtype=float).reshape(2, 2)
    if len(points) != len(names) or abs(np.linalg.det(turn)) < 0.5:
        return [ScenePlace(well_of(name)) for name in names]
    # the matrix maps columns and rows of the image to x and y of the stage
    positions = np.linalg.solve(turn, np.array([[point.x, point.y] for point in points]).T).T
    return [
        ScenePlace(well_of(name), (float(y), float(x)))
        for name, (x, y) in zip(names, positions, strict=True)
    ]
