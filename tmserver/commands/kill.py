"""``tm kill``: ending a workflow."""

import click

from tmlib.errors import Conflict
from tmlib.experiments import ownership
from tmlib.workflow import service
from tmserver.commands.auditing import audited, is_about
from tmserver.commands.experiments import find_experiment
from tmserver.commands.output import print_json
from tmserver.commands.retry import latest
from tmserver.commands.user import open_database


@click.command()
@click.argument("experiment")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; does not ask either.")
@audited
def kill(experiment: str, yes: bool, as_json: bool) -> None:
    """End the running workflow of an experiment, which is named or numbered.

    Waiting jobs end at once, running ones within seconds. `tm retry` goes on where it was.
    """
    with open_database() as database:
        with database.session() as session:
            found = find_experiment(session, experiment)
        is_about(ownership.resource(found.id, found.name))
        live = [workflow for workflow in latest(database, found.id) if workflow.is_live]
        if not live:
            raise Conflict(f'No workflow of experiment "{found.name}" is running.')
        if not (yes or as_json):
            question = f"Kill the workflow of {found.name}, of which {live[0].running} jobs run?"
            click.confirm(question, abort=True)
        service.kill(database, found.id)
        [workflow] = latest(database, found.id)
    if as_json:
        print_json(workflow)
        return
    click.echo(f"Workflow {workflow.submission_id} of {found.name} is killed.")
