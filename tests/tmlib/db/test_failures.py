"""What errors of the database tell."""

import pytest
from sqlalchemy.exc import IntegrityError

from tmlib.accounts.models import User
from tmlib.db import Database


def test_no_error_tells_the_values_of_its_statement(database: Database) -> None:
    told = {"name": "mara", "password_hash": "$argon2id$v=19"}
    with database.transaction() as session:
        session.add_all(User(email=email, **told) for email in ("a@x.example", "b@x.example"))
        with pytest.raises(IntegrityError) as error:
            session.flush()
        session.rollback()
    assert "INSERT INTO users" in str(error.value)
    assert "argon2" not in str(error.value)
