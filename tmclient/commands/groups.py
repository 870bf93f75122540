"""Groups of users."""

import click

from tmclient.commands.session import ClientSession, pass_session, print_resources

_NAME = click.option("-n", "--name", required=True, help="Name of the group.")
_USER = click.option("-m", "--member", required=True, help="Name of the user.")


@click.group()
def group() -> None:
    """Look at your groups; as their owner, say who is in them."""


@group.command("ls")
@pass_session
def list_groups(session: ClientSession) -> None:
    """List the groups that you are in; administrators see all."""
    print_resources(session.client.groups.list(), id="id", name="name")


@group.command("create")
@_NAME
@click.option("--owner", help="The user who owns it, if not you.")
@pass_session
def create_group(session: ClientSession, name: str, owner: str | None) -> None:
    """Make a group, as administrator."""
    session.client.groups.create(name, owner)


@group.command("rm")
@_NAME
@pass_session
def delete_group(session: ClientSession, name: str) -> None:
    """Delete a group that you own; what is shared with it is so no longer."""
    session.client.groups.delete(name)


@group.command("members")
@_NAME
@pass_session
def list_members(session: ClientSession, name: str) -> None:
    """List who is in a group."""
    print_resources(session.client.groups.members(name), user="user", owner="is_owner")


@group.command("add")
@_NAME
@_USER
@click.option("--owner", is_flag=True, help="Let the user decide who is in the group.")
@pass_session
def add_member(session: ClientSession, name: str, member: str, owner: bool) -> None:
    """Add a user to a group that you own, or change whether the user owns it."""
    session.client.groups.add_member(name, member, owner)


@group.command("remove")
@_NAME
@_USER
@pass_session
def remove_member(session: ClientSession, name: str, member: str) -> None:
    """Remove a user from a group that you own."""
    session.client.groups.remove_member(name, member)


@group.command("leave")
@_NAME
@pass_session
def leave_group(session: ClientSession, name: str) -> None:
    """Leave a group."""
    session.client.groups.leave(name)
