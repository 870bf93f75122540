"""Somebody who publishes an experiment, and what is said of it."""

from datetime import timedelta

from tests.services.imaged import ImagedExperiment, add_images
from tests.services.ledger import ListQueue
from tmlib.db import Database, clock
from tmlib.ledger import lost_jobs
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import JobStatus
from tmlib.portal.publishing import service
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.programs import publishing
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

ADDRESS = "https://tm.lab.example"
DESCRIPTION = PublicationDescription.model_validate(
    {
        "deposition": {"title": "Colon cells", "description": "All of them."},
        "dataset": {
            "title": "HT29",
            "description": "Two wells.",
            "sample_type": "cell_line",
            "organism_name": "Homo sapiens",
            "organism_taxid": 9606,
            "dataset_publications": "10.1101/1",
        },
        "authors": [
            {"name": "Ada", "orcid": "0000-0002-1825-0097", "primary_author_status": True},
            {"name": "Bo", "affiliation_identifier": "https://ror.org/02catss52"},
        ],
        "funding": [{"funding_agency_name": "Fund", "grant_id": "1"}],
        "annotations": [
            {
                "mapobject_type": "Nuclei",
                "object_name": "cell nucleus",
                "object_id": "GO:0005634",
                "annotation_method": "by hand",
                "method_links": [{"link_type": "documentation", "link": "https://lab.example"}],
            }
        ],
    }
)


class Publisher:
    """Somebody who publishes an experiment, and the workers."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        plate_name: str = "Plate 1",
        n_tpoints: int = 1,
    ) -> None:
        self.database, self.settings = database, settings
        self.experiment: ImagedExperiment = add_images(database, settings, plate_name, n_tpoints)
        self.queue = ListQueue()
        assert publishing.Publishing.name  # whoever runs the jobs knows what they are for

    def start(self, description: PublicationDescription = DESCRIPTION) -> int:
        return service.start(
            self.database,
            self.queue,
            storage=ExperimentStorage(self.settings.data_dir, self.experiment.id),
            user_id=self.experiment.user_id,
            description=description,
            address=ADDRESS,
        )

    def work(self) -> None:
        worker = Worker(self.database, self.queue, self.settings)
        while self.queue.job_ids:
            worker.run(self.queue.job_ids.pop(0))

    def work_once(self) -> None:
        Worker(self.database, self.queue, self.settings).run(self.queue.job_ids.pop(0))

    def status(self, number: int) -> service.PublicationStatus:
        with self.database.session() as session:
            return service.get_publication(session, self.experiment.id, number)

    def publish(self, description: PublicationDescription = DESCRIPTION) -> int:
        """Publish to the end; gives the number of the publication."""
        number = self.start(description)
        self.work()
        status = self.status(number)
        assert (status.state, status.error) == (JobStatus.DONE, None)
        return number

    def find_lost_jobs(self) -> None:
        """What workers do when others were killed; time passes meanwhile."""
        with self.database.transaction() as session:
            later = clock.read(session) + timedelta(hours=1)
            self.queue.enqueue(lost_jobs.recover(session, later, 1000, later))
