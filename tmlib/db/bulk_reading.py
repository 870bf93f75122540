"""Reading many rows at once as columns: COPY on PostgreSQL, the driver's own tuples on SQLite."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Select
from sqlalchemy.orm import Session

from tmlib.db import postgresql


def fetch_table(session: Session, query: Select[*tuple[Any, ...]], schema: Any) -> Any:
    """Run a query that gives numbers.

    Parameters
    ----------
    session
        For reading.
    query
        What to read.
    schema
        Arrow schema of the result; columns in the order of the query.

    Returns
    -------
    pyarrow.Table
        All rows.
    """
    connection = session.connection()
    text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
    if connection.dialect.name == "postgresql":
        with postgresql.driver_cursor(connection) as cursor:
            return _copy(cursor, text, schema)
    rows = connection.exec_driver_sql(text).cursor.fetchall()
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column) for column in columns], names=schema.names).cast(schema)


def _copy(cursor: Any, text: str, schema: Any) -> Any:
    buffer = io.BytesIO()
    cursor.copy_expert(f"COPY ({text}) TO STDOUT WITH (FORMAT csv)", buffer)
    if not buffer.tell():
        return schema.empty_table()
    buffer.seek(0)
    types = {field.name: field.type for field in schema}
    return pyarrow.csv.read_csv(
        buffer,
        read_options=pyarrow.csv.ReadOptions(column_names=schema.names),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    )
