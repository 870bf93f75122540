"""What can be configured, all of it from environment variables that start with ``TM_``.

With nothing set the product runs in the embedded profile: SQLite, and a queue of files, in one
folder. Setting ``TM_DATABASE_URL`` and ``TM_BROKER_URL`` makes it the cluster profile.
"""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tmlib import durable_files
from tmlib.errors import BadInput

MIN_SECRET_LENGTH = 32
"""Characters of a key that signs: shorter ones can be guessed from what they have signed."""


class Settings(BaseSettings):
    """The configuration of one installation.

    Every field is read from the environment variable ``TM_<FIELD NAME>``.
    """

    # a variable that is set to nothing is not set: no secret is ever the empty one
    model_config = SettingsConfigDict(env_prefix="TM_", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=lambda: Path.home() / ".local" / "share" / "tmserver",
        description="Folder for images, feature values, the embedded database and secrets.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of a PostgreSQL database with PostGIS; SQLite if not set.",
    )
    web_connections: int = Field(
        default=8,
        ge=1,
        description="Connections of a web server process to PostgreSQL, as many as its threads.",
    )
    connect_seconds: float = Field(
        default=10, gt=0, description="How long to wait for a connection to PostgreSQL."
    )
    statement_seconds: float = Field(
        default=60, ge=0, description="How long a statement of a request may take; 0 for ever."
    )
    lock_seconds: float = Field(
        default=10, ge=0, description="How long it may wait for what others change; 0 for ever."
    )
    job_statement_seconds: float = Field(
        default=7200, ge=0, description="How long a statement of a job or command may take."
    )
    job_lock_seconds: float = Field(
        default=120, ge=0, description="How long it may wait for what others change."
    )
    idle_transaction_seconds: float = Field(
        default=900,
        ge=0,
        description="After this long without a statement PostgreSQL ends a transaction.",
    )
    idle_writer_seconds: float = Field(
        default=120,
        ge=0,
        description="The same for one that writes: others wait for what it has changed.",
    )
    broker_url: str | None = Field(
        default=None,
        description="URL of the Redis that carries job ids; files in the data folder if not set.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description=(
            "Signs tokens, 32 characters or more; generated and kept in the data folder if not set."
        ),
    )
    facility_key: SecretStr | None = Field(
        default=None,
        description=(
            "Key with which other servers of a facility sign tokens for the API of py-ISPyB; such "
            "tokens are refused if not set."
        ),
    )
    ldap_url: str | None = Field(
        default=None,
        pattern=r"^ldaps?://[^/?#]+/?$",
        description=(
            "The directory that knows the users: ldaps://host, or ldap://host, which is encrypted "
            "too (StartTLS); the accounts kept here alone if not set."
        ),
    )
    ldap_encryption: Literal["required", "none"] = Field(
        default="required",
        description="none lets passwords go over the network in clear text, with ldap://.",
    )
    ldap_ca_file: Path | None = Field(
        default=None,
        description="Certificates that vouch for the directory; those of the machine if not set.",
    )
    ldap_bind_dn: str | None = Field(
        default=None,
        description="Who looks for users and groups there; nobody in particular if not set.",
    )
    ldap_bind_password: SecretStr | None = Field(default=None, description="The password of that.")
    ldap_bind_password_file: Path | None = Field(
        default=None, description="A file with that password instead."
    )
    ldap_user_base: str | None = Field(
        default=None, description="Where users are looked for, as ou=people,dc=example,dc=org."
    )
    ldap_user_filter: str = Field(
        default="(uid={name})",
        pattern=r"\{name\}",
        description="Which entry is the user who gives a name.",
    )
    ldap_user_dn: str | None = Field(
        default=None,
        pattern=r"\{name\}",
        description=(
            "Instead of looking: what users are called, as uid={name},ou=people,dc=example,dc=org."
        ),
    )
    ldap_name_attribute: str = Field(
        default="uid", description="What holds the name that a user has here."
    )
    ldap_email_attribute: str = Field(
        default="mail", description="What holds the address, which is read at the first login."
    )
    ldap_group_base: str | None = Field(
        default=None,
        description="Where groups are looked for that are taken over; none are if not set.",
    )
    ldap_group_filter: str = Field(
        default="(member={dn})",
        pattern=r"\{(dn|name)\}",
        description="Which entries are groups that a user is in.",
    )
    ldap_group_name_attribute: str = Field(
        default="cn", description="What holds the name that a group has here."
    )
    ldap_seconds: int = Field(
        default=5, ge=1, le=8, description="How long the directory may take for each answer."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="A provider of OpenID Connect that users may log in with, as its address.",
    )
    oidc_client_id: str | None = Field(
        default=None, description="What the provider calls this server."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="The secret that this server proves that with."
    )
    oidc_client_secret_file: Path | None = Field(
        default=None, description="A file with that secret instead."
    )
    oidc_redirect_uri: str | None = Field(
        default=None,
        pattern="/auth/oidc/callback$",
        description="Where browsers come back to: this server's address and /auth/oidc/callback.",
    )
    oidc_scope: str = Field(
        default="openid profile email", description="What the provider is asked to tell."
    )
    oidc_name_claim: str = Field(
        default="preferred_username", description="The claim with the name that a user has here."
    )
    oidc_groups_claim: str | None = Field(
        default=None,
        description="The claim with the groups that are taken over; none are if not set.",
    )
    oidc_title: str = Field(
        default="OpenID Connect", description="What the button to log in calls the provider."
    )
    oidc_seconds: int = Field(
        default=5, ge=1, le=30, description="How long the provider may take for each answer."
    )
    queue: str = Field(
        default="workers.queue:CeleryQueue",
        description="The class that puts job ids on the queue, as module:name.",
    )
    token_hours: float = Field(default=72, gt=0, description="Life time of a login, in hours.")
    metrics_token: SecretStr | None = Field(
        default=None, description="Lets monitoring read /metrics, sent as bearer token."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of what is logged: text, or a JSON object in each line."
    )
    proxies: int = Field(
        default=0, ge=0, description="Number of web servers in front that send X-Forwarded-For."
    )
    live_listeners: int = Field(
        default=24,
        ge=1,
        description="How many may watch live at each web server process; each takes a thread.",
    )
    web_sockets: int = Field(
        default=2000, ge=10, description="Connections of clients to each web server process."
    )
    head_seconds: float = Field(
        default=20, gt=0, description="How long the headers of a request may take to arrive."
    )
    slow_seconds: float = Field(
        default=60,
        gt=0,
        description="How long a client may take to send, or to receive, 64 kB.",
    )
    lease_seconds: float = Field(
        default=30, gt=0, description="After this long without a heartbeat a job is taken back."
    )
    turn_seconds: float = Field(
        default=0.1,
        ge=0,
        description="How long a worker goes on with short jobs of a phase; 0 for one at a time.",
    )
    drain_seconds: float = Field(
        default=20,
        ge=0,
        description="How long jobs may go on when their worker is to stop; then others do them.",
    )
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="How often a job is started that loses its worker or fails for what may pass.",
    )
    retry_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a job that failed for what may pass waits; then 4 times as long.",
    )
    max_upload_bytes: int = Field(
        default=4 * 1024**3, gt=0, description="Largest microscope file that is accepted."
    )
    upload_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Folders whose files may be registered where they are, separated by colons.",
    )
    facility_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description=(
            "Folders with folders of proposals, whose files are shown, separated by colons."
        ),
    )
    upload_hours: float = Field(
        default=168, gt=0, description="How long an upload that broke off can be resumed, in hours."
    )
    max_image_pixels: int = Field(
        default=400_000_000, gt=0, description="Largest image plane that is decoded, in pixels."
    )

    cache_dir: Path | None = Field(
        default=None,
        description=(
            "Folder for what can be made again, best on a local disk; cache in the data folder if "
            "not set."
        ),
    )
    column_cache_mb: int = Field(
        default=8192, ge=1, description="Room there for columns of object tables, in MB."
    )

    neuroglancer_url: str = Field(
        default="https://neuroglancer-demo.appspot.com",
        description="Where the Neuroglancer is that public pages link to.",
    )
    vizarr_url: str = Field(
        default="https://hms-dbmi.github.io/vizarr",
        description="Where the vizarr is that public pages link to.",
    )

    audit_days: float = Field(
        default=730,
        ge=0,
        description="How long the audit trail keeps entries, in days; 0 for ever.",
    )
    models_dir: Path | None = Field(
        default=None,
        description="Folder with models of neural networks; models in the data folder if not set.",
    )
    allow_user_modules: bool = Field(
        default=False, description="Whether modules that users bring with a project run."
    )
    user_module_seconds: float = Field(
        default=600, gt=0, description="How long such a module may take for one site, in seconds."
    )
    user_module_memory_mb: int = Field(
        default=4096, ge=256, description="Address space that such a module may have, in MB."
    )

    @field_validator("secret_key", "facility_key")
    @classmethod
    def _refuse_short(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(
                f"it has {len(value.get_secret_value())} characters and needs at least "
                f"{MIN_SECRET_LENGTH}, as `openssl rand -base64 48` makes them"
            )
        return value

    @field_validator("neuroglancer_url", "vizarr_url")
    @classmethod
    def _refuse_other_addresses(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("upload_roots", "facility_roots", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        folders = [Path(folder) for folder in value.split(os.pathsep) if folder]
        if not all(folder.is_absolute() for folder in folders):
            raise ValueError("the folders must be absolute paths, separated by colons")
        return folders

    @property
    def ldap_password(self) -> SecretStr | None:
        """The password of ``ldap_bind_dn``, wherever it is kept.

        Raises
        ------
        BadInput
            If its file cannot be read.
        """
        path = self.ldap_bind_password_file
        return self.ldap_bind_password if path is None else _read_secret(path)

    @property
    def oidc_secret(self) -> SecretStr | None:
        """The secret of ``oidc_client_id``, wherever it is kept.

        Raises
        ------
        BadInput
            If its file cannot be read.
        """
        path = self.oidc_client_secret_file
        return self.oidc_client_secret if path is None else _read_secret(path)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file: everything runs on this machine, for one owner."""
        return self.resolved_database_url.startswith("sqlite")

    @property
    def resolved_database_url(self) -> str:
        """The database to use: the configured one, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tmserver.db'}"

    @property
    def queue_dir(self) -> Path:
        """Where ids of jobs are carried if no Redis does."""
        return self.data_dir / "run" / "queue"

    @property
    def resolved_cache_dir(self) -> Path:
        """Where what can be made again is."""
        return self.cache_dir or self.data_dir / "cache"

    @property
    def resolved_models_dir(self) -> Path:
        """Where models of neural networks are."""
        return self.models_dir or self.data_dir / "models"

    @cached_property
    def signing_key(self) -> str:
        """The key that signs tokens, generated once into a file that only its owner can read."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        return read_or_create_secret(self.data_dir / "secret_key")


def _read_secret(path: Path) -> SecretStr:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'The secret in "{path}" cannot be read: {error}') from None
    if not secret:
        raise BadInput(f'There is no secret in "{path}".')
    return SecretStr(secret)


def read_or_create_secret(path: Path) -> str:
    """The secret in a file, which is created with owner-only rights when it does not exist.

    Two processes that start at the same time end with the same secret: the file appears
    complete or not at all.

    Raises
    ------
    BadInput
        If the file is there, but what it holds is too short.
    """
    durable_files.make_folder(path.parent, mode=0o700)
    if not path.exists():
        durable_files.create(path, secrets.token_urlsafe(48), mode=0o600)
    secret = path.read_text()
    if len(secret) < MIN_SECRET_LENGTH:
        raise BadInput(
            f'The key in "{path}" has {len(secret)} characters and needs at least '
            f"{MIN_SECRET_LENGTH}: remove the file to get a new one, which ends all logins."
        )
    return secret
