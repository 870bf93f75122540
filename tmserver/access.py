"""Who asks, for what, and what the server has at hand to answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from flask import current_app

from tmlib.accounts.attempts import LoginAttempts
from tmlib.accounts.groups import GroupRow
from tmlib.accounts.identity import Account
from tmlib.accounts.ldap import LdapDirectory
from tmlib.accounts.openid import OpenIdProvider
from tmlib.annotation.recent_points import RecentPoints
from tmlib.db import Database, Process
from tmlib.experiments.sharing import ExperimentRow
from tmlib.images.shown_layers import ShownLayers
from tmlib.ledger import queue
from tmlib.objects.table.column_cache import ColumnCache
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmserver.authentication import Proof
from tmserver.monitoring import installation_state
from tmserver.monitoring.live import Live, Topic


class Services:
    """What all requests of a process share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database.of(settings, Process.WEB)
        self.login_attempts = LoginAttempts(self.database)
        self.directory = LdapDirectory.of(settings)
        self.openid_provider = OpenIdProvider.of(settings)
        self.shown_layers = ShownLayers(self.database)

    @cached_property
    def columns(self) -> ColumnCache:
        """Columns of object tables, kept on disk."""
        folder = self.settings.resolved_cache_dir / "columns"
        return ColumnCache(folder, self.settings.column_cache_mb * 2**20)

    @cached_property
    def recent_points(self) -> RecentPoints:
        """Points of annotation tables that were asked for lately."""
        return RecentPoints()

    @cached_property
    def queue(self) -> queue.Queue:
        """Carries job ids to the workers; connected when it is needed first."""
        return queue.connect(self.settings)

    @cached_property
    def live(self) -> Live:
        """Tells those who listen how installation and workflows stand."""
        return Live(self._look, self.settings.live_listeners)

    def _look(self, topics: Iterable[Topic]) -> dict[Topic, dict[str, Any]]:
        found: dict[Topic, dict[str, Any]] = {}
        for topic in topics:
            state = (
                installation_state.installation(self.database, self.settings)
                if topic is None
                else installation_state.experiment(self.database, topic)
            )
            found[topic] = state.model_dump(mode="json", exclude_none=True, exclude={"time"})
        return found


def current_services() -> Services:
    """The services of the application that handles the present request."""
    return cast(Services, current_app.extensions["tmserver"])


@dataclass(frozen=True)
class Access:
    """A request that anybody may send."""

    services: Services

    @property
    def database(self) -> Database:
        """The database."""
        return self.services.database

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.services.settings


@dataclass(frozen=True)
class UserAccess(Access):
    """A request of somebody who is known."""

    proof: Proof

    @property
    def user(self) -> Account:
        """Who it is."""
        return self.proof.user


@dataclass(frozen=True)
class GroupAccess(UserAccess):
    """A request of a user who may see a group, or decide about it."""

    group: GroupRow


@dataclass(frozen=True)
class ExperimentAccess(UserAccess):
    """A request of a user who has the permission that it needs for the experiment."""

    experiment: ExperimentRow
    may_write: bool

    @property
    def experiment_id(self) -> int:
        """Number of the experiment."""
        return self.experiment.id

    @property
    def storage(self) -> ExperimentStorage:
        """The experiment's files."""
        return ExperimentStorage(self.settings.data_dir, self.experiment.id)
