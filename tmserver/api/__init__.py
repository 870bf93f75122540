"""The resources, one module each: what is asked, what is answered, and the views."""

from tmserver.api import (
    acquisitions,
    authentication,
    channels,
    experiments,
    features,
    information,
    mapobjects,
    object_tables,
    plates,
    site_images,
    tiles,
    uploads,
    wells,
    workflow,
)

RESOURCES = (
    authentication.routes,
    information.routes,
    experiments.routes,
    plates.routes,
    acquisitions.routes,
    uploads.routes,
    wells.routes,
    channels.routes,
    mapobjects.routes,
    features.routes,
    object_tables.routes,
    site_images.routes,
    tiles.routes,
    workflow.routes,
)
