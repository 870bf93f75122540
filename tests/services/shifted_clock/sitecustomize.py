"""Imported by Python itself when it starts: gives the process another time of day."""

import os
import time
from datetime import datetime, timedelta, tzinfo

import tmlib.db.base

_SECONDS = float(os.environ["CLOCK_AHEAD_SECONDS"])

_time = time.time


class _ShiftedDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # of the base
        return datetime.now(tz) + timedelta(seconds=_SECONDS)


time.time = lambda: _time() + _SECONDS
tmlib.db.base.datetime = _ShiftedDatetime  # type: ignore[attr-defined] # for this process alone
