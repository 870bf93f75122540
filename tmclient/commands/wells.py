"""Wells and sites."""

import json

import click

from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)

well = resource_group("well", "List wells.")


@well.command("ls")
@click.option("-p", "--plate", "plate_name", help="Only those of this plate.")
@pass_session
def list_wells(session: ClientSession, plate_name: str | None) -> None:
    """List the wells of a plate, or of all."""
    wells = [
        {
            **one,
            "sites": "{} x {}".format(*one["dimensions"]),
            "description": json.dumps(one["description"]) if one["description"] else "",
        }
        for one in session.client.wells.list(plate_name)
    ]
    print_resources(
        wells, id="id", name="name", sites="sites", description="description", plate="plate_name"
    )


site = resource_group("site", "List sites.")


@site.command("ls")
@click.option("-p", "--plate", "plate_name", help="Only those of this plate.")
@click.option("-w", "--well", "well_name", help="Only those of this well.")
@pass_session
def list_sites(session: ClientSession, plate_name: str | None, well_name: str | None) -> None:
    """List the sites of a well, a plate, or all."""
    print_resources(
        session.client.sites.list(plate_name, well_name),
        id="id",
        y="y",
        x="x",
        height="height",
        width="width",
        well="well_name",
        plate="plate_name",
    )


@site.command("shifts")
@click.option("-p", "--plate", "plate_name", help="Only those of this plate.")
@click.option("-w", "--well", "well_name", help="Only those of this well.")
@pass_session
def list_shifts(session: ClientSession, plate_name: str | None, well_name: str | None) -> None:
    """List how sites were aligned, a row for each cycle; omitted ones have none."""
    found = [
        {**one, **(shift or {})}
        for one in session.client.sites.get_shifts(plate_name, well_name)
        for shift in one["shifts"] or [None]
    ]
    print_resources(
        found,
        plate="plate_name",
        well="well_name",
        well_pos_y="well_pos_y",
        well_pos_x="well_pos_x",
        cycle="cycle_index",
        down="y",
        right="x",
        quality="quality",
    )
