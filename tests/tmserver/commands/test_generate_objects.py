from sqlalchemy import select

from tests.tmserver.commands.conftest import Tm
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.objects.service import count_objects


def test_an_experiment_of_any_size(tm: Tm, database: Database) -> None:
    tm("user", "add", "ada", "--email", "ada@example.org", TM_PASSWORD="correct horse")
    result = tm("generate-objects", "many", "--user", "ada", "--objects", "50", "--features", "2")
    assert result.exit_code == 0, result.output
    assert '"many"' in result.output
    assert "50 objects in 9 sites of 1 wells" in result.output
    with database.session() as session:
        experiment = session.scalars(select(Experiment)).one()
        assert count_objects(session, experiment.id)["Cells"] == 50


def test_an_unknown_owner_is_named(tm: Tm) -> None:
    result = tm("generate-objects", "many", "--user", "nobody")
    assert result.exit_code == 1
    assert "nobody" in result.stderr


def test_more_than_can_be_made_is_refused(tm: Tm) -> None:
    result = tm("generate-objects", "many", "--user", "ada", "--objects", "1000000000")
    assert result.exit_code == 2
