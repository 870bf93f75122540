"""Users, as administrators see them."""

from pydantic import Field

from tmlib.accounts import service
from tmlib.errors import Forbidden
from tmserver.access import UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Change, Id, Message, NamedPage, Schema, Text

routes = Routes("user")


class User(Schema):
    """A user, who can log in while `is_active`."""

    id: Id
    name: str
    email: str
    is_admin: bool
    is_active: bool


class NewUser(Body):
    """Somebody who shall be able to log in."""

    name: Text = Field(examples=["mara"])
    email: Text = Field(examples=["mara@lab.example"])
    password: str = Field(examples=["a long password"])
    is_admin: bool = False


class UserChange(Change):
    """What shall be different about a user; a new password ends all that the old one opened."""

    name: Text | None = None
    email: Text | None = Field(None, examples=["mara@lab.example"])
    password: str | None = Field(None, examples=["a longer password"])
    is_admin: bool | None = None
    is_active: bool | None = None


@routes.get("/api/users", permits="admin")
def get_users(access: UserAccess, query: NamedPage) -> list[User]:
    """List all users."""
    with access.database.session() as session:
        users = service.list_users(session, name=query.name, limit=query.limit, offset=query.offset)
    return [User.model_validate(user) for user in users]


@routes.post("/api/users", permits="admin", raises=(409,))
def create_user(access: UserAccess, body: NewUser) -> User:
    """Add a user who can log in from now on."""
    with access.database.transaction() as session:
        user = service.create_user(
            session, body.name, body.password, body.email, is_admin=body.is_admin
        )
        return User.model_validate(user)


@routes.get("/api/users/<user_id>", permits="admin", raises=(404,))
def get_user(access: UserAccess, user_id: int) -> User:
    """Get a user."""
    with access.database.session() as session:
        return User.model_validate(service.get_user(session, user_id))


@routes.put("/api/users/<user_id>", permits="admin", raises=(404, 409))
def update_user(access: UserAccess, user_id: int, body: UserChange) -> Message:
    """Change a user, also the password and who is administrator."""
    if body.password is not None and user_id == access.user.id:
        raise Forbidden("Your own password is changed with PUT /auth/password, which asks for it.")
    password_hash = None if body.password is None else service.hash_password(body.password)
    with access.database.transaction() as session:
        service.change_user(session, user_id, **body.model_dump(exclude={"password"}))
        if password_hash is not None:
            service.change_password(session, user_id, password_hash)
    return Message()


@routes.delete("/api/users/<user_id>", permits="admin", raises=(404, 409))
def disable_user(access: UserAccess, user_id: int) -> Message:
    """Lock a user out at once; the user's experiments stay, and `is_active` undoes it."""
    with access.database.transaction() as session:
        service.change_user(session, user_id, is_active=False)
    return Message()
