"""Processes that fork while other threads of theirs use the database."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable

from sqlalchemy import text

from tmlib.db import Database

CHILD_SECONDS = 20
TRANSACTION_SECONDS = 0.2


def fork(work: Callable[[], None]) -> int:
    """Do something in a child; gives its status at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons: threads and forks
        child = os.fork()
    if child == 0:
        signal.alarm(CHILD_SECONDS)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def test_a_child_does_not_inherit_a_transaction(database_url: str) -> None:
    database = Database(database_url)
    begun = threading.Event()

    def write_slowly() -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE id_counters SET next_value = next_value + 1"))
            begun.set()
            time.sleep(TRANSACTION_SECONDS)

    def write() -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE id_counters SET next_value = next_value + 1"))

    thread = threading.Thread(target=write_slowly)
    thread.start()
    begun.wait()
    assert fork(write) == 0
    thread.join()
    write()
    with database.session() as session:
        values = session.scalars(text("SELECT next_value FROM id_counters")).all()
    assert set(values) == {4}
    database.close()
