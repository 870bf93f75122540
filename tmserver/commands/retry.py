"""``tm retry``: doing again what failed."""

import click

from tmlib.db import Database, clock
from tmlib.errors import BadInput
from tmlib.experiments import ownership
from tmlib.ledger import queue
from tmlib.settings import Settings
from tmlib.workflow import latest_workflows, service
from tmlib.workflow.latest_workflows import WorkflowProgress
from tmserver.commands.auditing import audited, is_about
from tmserver.commands.experiments import find_experiment
from tmserver.commands.output import print_json
from tmserver.commands.user import open_database
from tmserver.monitoring import queues


@click.command()
@click.argument("experiment")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@audited
def retry(experiment: str, as_json: bool) -> None:
    """Do again only the jobs of an experiment's latest workflow that failed or were killed.

    The experiment is named or numbered. The workflow goes on from there; what ended well stays.
    """
    settings = Settings()
    if not queues.is_known(settings):
        raise BadInput(
            "There is no queue to send jobs to: start `tm serve`, or set TM_BROKER_URL to the URL "
            "of your Redis."
        )
    with open_database() as database:
        with database.session() as session:
            found = find_experiment(session, experiment)
        is_about(ownership.resource(found.id, found.name))
        service.retry(database, queue.connect(settings), found.id)
        [workflow] = latest(database, found.id)
    if as_json:
        print_json(workflow)
        return
    click.echo(
        f"Workflow {workflow.submission_id} of {found.name} goes on with "
        f"{workflow.waiting + workflow.running} jobs: `tm status` tells how far it is."
    )


def latest(database: Database, experiment_id: int) -> list[WorkflowProgress]:
    """The latest workflow of an experiment, if there is one."""
    with database.session() as session:
        return latest_workflows.workflows(session, clock.read(session), experiment_id=experiment_id)
