"""Publications: an experiment in the public catalogue."""

from pathlib import Path

import click

from tmclient.commands.places import EXISTING_FILE
from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)

publication = resource_group("publication", "Publish an experiment in the public catalogue.")


@publication.command("ls")
@pass_session
def list_publications(session: ClientSession) -> None:
    """List the publications, and how they stand."""
    print_resources(
        session.client.publications.list(),
        id="id",
        deposition="deposition_id",
        dataset="dataset_id",
        state="state",
        done="percent_done",
        published="published_at",
        title="title",
        error="error",
    )


@publication.command("create")
@click.option(
    "--file", "path", type=EXISTING_FILE, required=True, help="YAML file that describes it."
)
@pass_session
def create_publication(session: ClientSession, path: Path) -> None:
    """Begin to publish the experiment, as it is now: for everybody, and for good."""
    created = session.client.publications.create_from_file(path)
    click.echo(f"Deposition {created['deposition_id']}, dataset {created['dataset_id']}")


@publication.command("kill")
@click.option("--id", "publication_id", required=True, help="Which publication.")
@pass_session
def kill_publication(session: ClientSession, publication_id: str) -> None:
    """End a publication that is not public yet."""
    session.client.publications.kill(publication_id)
