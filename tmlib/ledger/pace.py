"""How many jobs a worker process takes at a time: many where they are short, else one."""

from collections import OrderedDict

_FORGETTING = 0.8
_KEPT = 100
_LEAST_SECONDS = 1e-6


class Pace:
    """How long jobs of each phase take in this process, the slow ones in the main."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[int, float] = OrderedDict()

    def note(self, task_id: int, seconds: float) -> None:
        """Take note of how long a job took: a longer one counts at once, shorter ones slowly."""
        known = self._seconds.pop(task_id, 0.0)
        self._seconds[task_id] = max(seconds, _FORGETTING * known + (1 - _FORGETTING) * seconds)
        if len(self._seconds) > _KEPT:
            self._seconds.popitem(last=False)

    def count_within(self, task_id: int, seconds: float) -> int:
        """How many jobs of a phase are likely to end within some seconds; at least one."""
        each = self._seconds.get(task_id, seconds)
        return max(1, int(seconds / max(each, _LEAST_SECONDS)))
