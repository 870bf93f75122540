"""``tm group``: groups of users, with whom experiments are shared as one."""

import click

from tmlib.accounts import groups, service
from tmserver.commands.auditing import audited, is_about
from tmserver.commands.output import print_table
from tmserver.commands.user import open_database


@click.group()
def group() -> None:
    """Make groups of users, and say who is in them."""


@group.command()
@click.argument("name")
@click.option("--owner", required=True, help="The user who is in it first, and owns it.")
@audited
def add(name: str, owner: str) -> None:
    """Make a group."""
    with open_database() as database, database.transaction() as session:
        made = groups.create_group(session, name, service.find_user(session, owner).id)
        is_about(made.resource)
    click.echo(f"There is a group {name}, which {owner} owns.")


@group.command("list")
def list_groups() -> None:
    """List all groups and who is in them."""
    with open_database() as database, database.session() as session:
        rows = [
            (found.name, user, "yes" if is_owner else "no")
            for found in groups.list_groups(session, None)
            for user, is_owner in groups.list_members(session, found.id) or [("", False)]
        ]
    print_table("Groups", ("GROUP", "USER", "OWNER"), rows)


@group.command()
@click.argument("name")
@audited
def delete(name: str) -> None:
    """Delete a group; what is shared with it is hidden from its members at once."""
    with open_database() as database, database.transaction() as session:
        found = groups.find_group(session, name)
        is_about(found.resource)
        groups.delete_group(session, found.id)
    click.echo(f"There is no group {name} any more.")


@group.command("add-member")
@click.argument("name")
@click.argument("user")
@click.option("--owner", is_flag=True, help="Let the user decide who is in the group.")
@audited
def add_member(name: str, user: str, owner: bool) -> None:
    """Add a user to a group, or change whether the user owns it."""
    with open_database() as database, database.transaction() as session:
        found = groups.find_group(session, name)
        is_about(found.resource)
        member = service.find_user(session, user)
        groups.put_member(session, found.id, member.id, is_owner=owner)
    click.echo(f"{user} is in the group {name}{', and owns it' if owner else ''}.")


@group.command("remove-member")
@click.argument("name")
@click.argument("user")
@audited
def remove_member(name: str, user: str) -> None:
    """Remove a user from a group."""
    with open_database() as database, database.transaction() as session:
        found = groups.find_group(session, name)
        is_about(found.resource)
        groups.remove_member(session, found.id, service.find_user(session, user).id)
    click.echo(f"{user} is not in the group {name} any more.")
