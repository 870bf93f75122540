"""Users, tokens, and who may see an experiment."""

import click

from tmclient.commands.session import (
    ClientSession,
    ask_password,
    pass_session,
    print_resources,
    resource_group,
)

share = resource_group("share", "Let others see or change an experiment.")


@share.command("ls")
@pass_session
def list_shares(session: ClientSession) -> None:
    """List with whom the experiment is shared."""
    shares = [{"group": None, **one} for one in session.client.sharing.list()]
    print_resources(shares, user="user", group="group", permission="permission")


@share.command("add")
@click.option("-n", "--name", required=True, help="Name of the user, or of the group.")
@click.option("--group", "is_group", is_flag=True, help="Share it with a group of users.")
@click.option(
    "--permission", type=click.Choice(["read", "write"]), default="read", show_default=True
)
@pass_session
def add_share(session: ClientSession, name: str, is_group: bool, permission: str) -> None:
    """Share the experiment with a user or a group."""
    sharing = session.client.sharing
    share_with = sharing.share_with_group if is_group else sharing.share
    share_with(name, permission)


@share.command("rm")
@click.option("-n", "--name", required=True, help="Name of the user, or of the group.")
@click.option("--group", "is_group", is_flag=True, help="The name is that of a group.")
@pass_session
def delete_share(session: ClientSession, name: str, is_group: bool) -> None:
    """Hide the experiment from a user or a group again."""
    sharing = session.client.sharing
    unshare_with = sharing.unshare_with_group if is_group else sharing.unshare
    unshare_with(name)


@share.command("transfer")
@click.option("-n", "--name", required=True, help="Name of the user.")
@pass_session
def transfer(session: ClientSession, name: str) -> None:
    """Make another user the owner of the experiment."""
    session.client.sharing.transfer(name)


@click.group()
def token() -> None:
    """Create and delete tokens for scripts to log in with."""


@token.command("ls")
@pass_session
def list_tokens(session: ClientSession) -> None:
    """List your tokens."""
    print_resources(
        session.client.tokens.list(),
        id="id",
        name="name",
        scope="scope",
        begins_with="prefix",
        expires="expires_at",
        last_used="last_used_at",
    )


@token.command("create")
@click.option("-n", "--name", required=True, help="What it is for.")
@click.option("--scope", type=click.Choice(["read", "write"]), default="read", show_default=True)
@click.option(
    "--days", type=click.IntRange(min=1), help="How long it is valid; without a limit if not given."
)
@click.option(
    "--hexadecimal", is_flag=True, help="Make it of 32 digits, as programs for CAVE want it."
)
@pass_session
def create_token(
    session: ClientSession, name: str, scope: str, days: int | None, hexadecimal: bool
) -> None:
    """Create a token and print it; it cannot be shown again."""
    tokens = session.client.tokens
    create = tokens.create_hexadecimal if hexadecimal else tokens.create
    click.echo(create(name, scope, days)["token"])


@token.command("rm")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_token(session: ClientSession, name: str) -> None:
    """Remove a token, which stops working at once."""
    session.client.tokens.delete(name)


@click.group()
def user() -> None:
    """Show your account; as administrator, manage all users."""


@user.command("show")
@pass_session
def show_profile(session: ClientSession) -> None:
    """Show who is logged in."""
    print_resources([session.client.account.get()], name="name", email="email", admin="is_admin")


@user.command("passwd")
@pass_session
def change_password(session: ClientSession) -> None:
    """Change your password; all your other logins and all your tokens end."""
    old = session.password or ask_password("Present password")
    session.client.account.change_password(old, ask_password("New password", confirm=True))


@user.command("ls")
@pass_session
def list_users(session: ClientSession) -> None:
    """List all users."""
    print_resources(
        session.client.users.list(),
        id="id",
        name="name",
        email="email",
        admin="is_admin",
        active="is_active",
    )


@user.command("create")
@click.option("-n", "--name", required=True, help="Name to log in with.")
@click.option("--email", required=True)
@click.option("--admin", is_flag=True, help="May manage users and see all experiments.")
@pass_session
def create_user(session: ClientSession, name: str, email: str, admin: bool) -> None:
    """Add a user; asks for the password."""
    password = ask_password(f"Password for {name}", confirm=True)
    session.client.users.create(name, password, email, admin)


@user.command("rm")
@click.option("-n", "--name", required=True, help="The user's name.")
@pass_session
def delete_user(session: ClientSession, name: str) -> None:
    """Lock a user out; the user's experiments stay."""
    session.client.users.delete(name)
