"""The table of all objects of a type: rows, columns, statistics."""
