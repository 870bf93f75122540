"""Experiments, plates, acquisitions and channels."""

import click

from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)

_PLATE_FORMATS = ("1", "6", "12", "24", "48", "96", "384", "1536")


@click.group()
def experiment() -> None:
    """List, create, rename and delete experiments."""


@experiment.command("ls")
@pass_session
def list_experiments(session: ClientSession) -> None:
    """List the experiments that you may see."""
    print_resources(
        session.client.experiments.list(),
        id="id",
        name="name",
        owner="user",
        description="description",
    )


@experiment.command("create")
@click.option("-n", "--name", required=True, help="Its name.")
@click.option("--description", default="", help="Free text.")
@click.option("--workflow-type", default="canonical", show_default=True)
@click.option("--microscope-type", default="cellvoyager", show_default=True)
@click.option("--plate-format", type=click.Choice(_PLATE_FORMATS), default="384")
@click.option(
    "--plate-acquisition-mode", type=click.Choice(["basic", "multiplexing"]), default="basic"
)
@pass_session
def create_experiment(
    session: ClientSession,
    name: str,
    description: str,
    workflow_type: str,
    microscope_type: str,
    plate_format: str,
    plate_acquisition_mode: str,
) -> None:
    """Create an experiment."""
    session.experiment_name = name
    session.client.experiments.create(
        workflow_type, microscope_type, int(plate_format), plate_acquisition_mode, description
    )


@experiment.command("rename")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_experiment(session: ClientSession, name: str, new_name: str) -> None:
    """Rename an experiment."""
    session.experiment_name = name
    session.client.experiments.rename(new_name)


@experiment.command("rm")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_experiment(session: ClientSession, name: str) -> None:
    """Delete an experiment with all its images and objects."""
    session.experiment_name = name
    session.client.experiments.delete()


plate = resource_group("plate", "List, create, rename and delete plates.")


@plate.command("ls")
@pass_session
def list_plates(session: ClientSession) -> None:
    """List the plates of the experiment."""
    print_resources(
        session.client.plates.list(),
        id="id",
        name="name",
        status="status",
        description="description",
    )


@plate.command("create")
@click.option("-n", "--name", required=True, help="Its name.")
@click.option("--description", default="", help="Free text.")
@pass_session
def create_plate(session: ClientSession, name: str, description: str) -> None:
    """Add a plate."""
    session.client.plates.create(name, description)


@plate.command("rename")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_plate(session: ClientSession, name: str, new_name: str) -> None:
    """Rename a plate."""
    session.client.plates.rename(name, new_name)


@plate.command("rm")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_plate(session: ClientSession, name: str) -> None:
    """Delete a plate with all its images and objects."""
    session.client.plates.delete(name)


acquisition = resource_group("acquisition", "List, create, rename and delete acquisitions.")


@acquisition.command("ls")
@click.option("-p", "--plate", "plate_name", help="Only those of this plate.")
@pass_session
def list_acquisitions(session: ClientSession, plate_name: str | None) -> None:
    """List the acquisitions of a plate, or of all."""
    print_resources(
        session.client.acquisitions.list(plate_name),
        id="id",
        name="name",
        plate="plate_name",
        status="status",
        description="description",
    )


@acquisition.command("create")
@click.option("-p", "--plate", "plate_name", required=True, help="Its plate.")
@click.option("-n", "--name", required=True, help="Its name.")
@click.option("--description", default="", help="Free text.")
@pass_session
def create_acquisition(
    session: ClientSession, plate_name: str, name: str, description: str
) -> None:
    """Add an acquisition to a plate."""
    session.client.acquisitions.create(plate_name, name, description)


@acquisition.command("rename")
@click.option("-p", "--plate", "plate_name", required=True, help="Its plate.")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_acquisition(session: ClientSession, plate_name: str, name: str, new_name: str) -> None:
    """Rename an acquisition."""
    session.client.acquisitions.rename(plate_name, name, new_name)


@acquisition.command("rm")
@click.option("-p", "--plate", "plate_name", required=True, help="Its plate.")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_acquisition(session: ClientSession, plate_name: str, name: str) -> None:
    """Delete an acquisition with its files."""
    session.client.acquisitions.delete(plate_name, name)


channel = resource_group("channel", "List and rename channels.")


@channel.command("ls")
@pass_session
def list_channels(session: ClientSession) -> None:
    """List the channels of the experiment."""
    channels = [
        {**item, "n_layers": len(item["layers"])} for item in session.client.channels.list()
    ]
    print_resources(channels, id="id", name="name", bit_depth="bit_depth", layers="n_layers")


@channel.command("illumination")
@pass_session
def list_illumination(session: ClientSession) -> None:
    """List how even the illumination is: variation in percent, before and after correction."""
    found = [
        {**one, **{key: f"{100 * one[key]:.1f}" for key in ("flatness_before", "flatness_after")}}
        for one in session.client.channels.get_illumination()
    ]
    print_resources(
        found,
        channel="channel_name",
        plate="plate_name",
        images="n_images",
        before="flatness_before",
        after="flatness_after",
    )


@channel.command("rename")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_channel(session: ClientSession, name: str, new_name: str) -> None:
    """Rename a channel."""
    session.client.channels.rename(name, new_name)
