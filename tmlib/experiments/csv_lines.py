"""Lines of tables as text."""

import csv
import io
from collections.abc import Sequence

_END = "\r\n"  # Python before 3.13 puts only ends of lines of this kind into quotation marks


def csv_line(cells: Sequence[object], separator: str = ",") -> str:
    """A line without its end; cells with ends of lines, of any kind, are in quotation marks."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=separator, lineterminator=_END).writerow(cells)
    return line.getvalue().removesuffix(_END)
