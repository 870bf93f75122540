"""The client."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tmclient.accounts import Account, Tokens, Users
from tmclient.annotation_imports import AnnotationImports
from tmclient.annotations import Annotations, AnnotationSnapshots, AnnotationTables
from tmclient.channels import Channels
from tmclient.connection import Connection
from tmclient.experiments import Experiments
from tmclient.files import MicroscopeFiles
from tmclient.former_names import FormerNames
from tmclient.groups import Groups
from tmclient.jterator_project import JteratorProject
from tmclient.login import Login
from tmclient.object_files import ObjectFiles
from tmclient.object_tables import ObjectTables
from tmclient.objects import Features, Objects, ObjectTypes
from tmclient.plates import Acquisitions, Plates
from tmclient.publications import Publications
from tmclient.segmentations import Segmentations
from tmclient.session import Session
from tmclient.sharing import Sharing
from tmclient.tool_results import ToolModels, ToolResults
from tmclient.tools import Tools
from tmclient.values import FeatureValues
from tmclient.wells import Cycles, Sites, Wells
from tmclient.workflow import Workflow


class TmClient(FormerNames):
    """A client of one server, as one user, usually for one experiment.

    The user is logged in by the first request. Used as a context manager, the client closes its
    connections at the end.

    Parameters
    ----------
    host, port
        The server; port 443 means HTTPS.
    username, password
        The user.
    experiment_name
        The experiment that requests are about.
    ca_bundle
        File of certificates to trust instead of the system's.
    url
        Address of the server instead of host and port, for example
        ``https://microscopy.example.org/tm``.
    token
        A personal access token instead of user name and password.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 80,
        username: str | None = None,
        password: str | None = None,
        experiment_name: str | None = None,
        ca_bundle: str | Path | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
    ) -> None:
        if url is None:
            url = f"https://{host}" if port == 443 else f"http://{host}:{port}"
        login = Login(username, password, token)
        self.connection = Connection(url, login, ca_bundle)
        self.session = Session(self.connection, experiment_name)
        self.experiments = Experiments(self.session)
        self.sharing = Sharing(self.session)
        self.plates = Plates(self.session)
        self.acquisitions = Acquisitions(self.session)
        self.microscope_files = MicroscopeFiles(self.session)
        self.wells = Wells(self.session)
        self.sites = Sites(self.session)
        self.cycles = Cycles(self.session)
        self.channels = Channels(self.session)
        self.object_types = ObjectTypes(self.session)
        self.features = Features(self.session)
        self.feature_values = FeatureValues(self.session)
        self.objects = Objects(self.session)
        self.object_tables = ObjectTables(self.session)
        self.object_files = ObjectFiles(self.session)
        self.segmentations = Segmentations(self.session)
        self.annotation_tables = AnnotationTables(self.session)
        self.annotations = Annotations(self.session)
        self.annotation_imports = AnnotationImports(self.session)
        self.annotation_snapshots = AnnotationSnapshots(self.session)
        self.publications = Publications(self.session)
        self.workflow = Workflow(self.session)
        self.jterator_project = JteratorProject(self.session)
        self.tools = Tools(self.session)
        self.tool_results = ToolResults(self.session)
        self.tool_models = ToolModels(self.session)
        self.account = Account(self.session)
        self.tokens = Tokens(self.session)
        self.users = Users(self.session)
        self.groups = Groups(self.session)

    @property
    def experiment_name(self) -> str | None:
        """Name of the experiment; another one may be set at any time."""
        return self.session.experiment_name

    @experiment_name.setter
    def experiment_name(self, name: str | None) -> None:
        self.session.experiment_name = name

    @property
    def experiment_id(self) -> str:
        """Id of the experiment, looked up once.

        Raises
        ------
        ResourceError
            If there is no experiment of this name.
        """
        return self.session.experiment_id

    def close(self) -> None:
        """Close the connections to the server."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
