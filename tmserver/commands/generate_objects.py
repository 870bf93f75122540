"""``tm generate-objects``: an experiment of any size, without images."""

import time

import click

from tmlib.accounts import service
from tmlib.ids import encode_id
from tmlib.sample.experiment import (
    MAX_FEATURES,
    MAX_OBJECTS,
    GeneratedExperiment,
    generate_experiment,
)
from tmlib.settings import Settings
from tmserver.commands.output import duration
from tmserver.commands.user import open_database


@click.command("generate-objects")
@click.argument("name")
@click.option("--user", required=True, help="Name of the user who will own the experiment.")
@click.option(
    "--objects",
    type=click.IntRange(0, MAX_OBJECTS),
    default=1_000_000,
    show_default=True,
    help="How many objects.",
)
@click.option(
    "--features",
    type=click.IntRange(0, MAX_FEATURES),
    default=100,
    show_default=True,
    help="How many feature values each of them has.",
)
@click.option("--type", "type_name", default="Cells", show_default=True, help="Their type.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="Another number gives other objects."
)
def generate_objects(
    name: str, user: str, objects: int, features: int, type_name: str, seed: int
) -> None:
    """Make an experiment with simulated objects, to see how the product does with many of them.

    Plates, wells, sites, outlines and feature values are as a workflow leaves them; the map is
    black, for there are no images. The same numbers and seed give the same objects.
    """
    start = time.monotonic()
    size = GeneratedExperiment(objects, features, type_name, seed)
    with open_database() as database:
        with database.session() as session:
            owner = service.find_user(session, user)
        experiment_id = generate_experiment(database, Settings().data_dir, owner.id, name, size)
    click.echo(
        f'Experiment "{name}" ({encode_id(experiment_id)}) has {objects} objects in '
        f"{size.n_sites} sites of {size.n_wells} wells; "
        f"it was made in {duration(time.monotonic() - start)}."
    )
