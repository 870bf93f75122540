"""Pipelines to start from: what each of them finds, and which channels it needs for that."""

from collections.abc import Mapping
from dataclasses import dataclass

from tmlib.errors import BadInput, NotFound
from tmlib.jterator.errors import suggest
from tmlib.jterator.project import Project
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells


@dataclass(frozen=True)
class Template:
    """A pipeline to start from.

    Attributes
    ----------
    name, title, help
        How it is called by programs and by people, and what it does.
    channels
        What each channel that it needs has to show, by the role of the channel.
    """

    name: str
    title: str
    help: str
    channels: Mapping[str, str]


_NUCLEI = "A stain of the DNA."
_CELLS = "What shows the whole cell."

TEMPLATES = (
    Template(
        "nuclei",
        "Nuclei",
        "Finds nuclei, cuts those that touch, and measures their form and their gray values.",
        {"nuclei": _NUCLEI},
    ),
    Template(
        "nuclei_and_cells",
        "Nuclei and cells",
        "Finds nuclei and the cell around each of them, and measures both in both channels.",
        {"nuclei": _NUCLEI, "cells": _CELLS},
    ),
    Template(
        "spots_in_cells",
        "Spots in cells",
        "Finds nuclei, cells and small bright spots in these, and counts the spots of each cell.",
        {"nuclei": _NUCLEI, "cells": _CELLS, "spots": "The spots, single molecules for example."},
    ),
)


def make_project(
    name: str, channels: Mapping[str, str], *, nucleus_diameter: float | None = None
) -> Project:
    """Make a project from a template.

    Parameters
    ----------
    name
        Of the template.
    channels
        Names of channels by their roles.
    nucleus_diameter
        Typical diameter of a nucleus in pixels; the usual one if None.

    Raises
    ------
    NotFound
        If there is no such template.
    BadInput
        If the channels are not those that it needs, or the diameter makes no sense.
    """
    template = next((one for one in TEMPLATES if one.name == name), None)
    if template is None:
        hint = suggest(name, [one.name for one in TEMPLATES])
        raise NotFound(f'There is no template "{name}": {hint}.')
    if channels.keys() != template.channels.keys():
        needed = ", ".join(template.channels)
        given = ", ".join(channels) or "none"
        raise BadInput(f'The template "{name}" needs channels for {needed}; given are {given}.')
    return nuclei_and_cells(
        channels["nuclei"],
        channels.get("cells"),
        spots_channel=channels.get("spots"),
        nucleus_diameter=nucleus_diameter,
    )
