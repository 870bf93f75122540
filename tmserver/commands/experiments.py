"""Which experiment is meant by the name or number that a command is given."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment


def find_experiments(session: Session, name: str) -> list[Experiment]:
    """The experiments that a name, which several users may have given, or a number means.

    Raises
    ------
    NotFound
        If there is none.
    """
    meant = Experiment.name == name
    if name.isdecimal():
        meant = meant | (Experiment.id == int(name))
    is_there = Experiment.deletion_due.is_(None)
    found = list(session.scalars(select(Experiment).where(meant, is_there).order_by(Experiment.id)))
    if not found:
        raise NotFound(f'There is no experiment "{name}": `tm status --all` lists them.')
    return found


def find_experiment(session: Session, name: str) -> Experiment:
    """The one experiment that a name or number means.

    Raises
    ------
    NotFound
        If there is none.
    BadInput
        If there are several.
    """
    found = find_experiments(session, name)
    if len(found) > 1:
        numbers = ", ".join(str(experiment.id) for experiment in found)
        raise BadInput(
            f'There are several experiments "{name}": name one by its number, {numbers}.'
        )
    return found[0]
