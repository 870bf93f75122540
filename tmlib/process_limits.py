"""Limits of a process that runs or reads what others have made."""

import resource


def limit_this_process(*, seconds: int, memory: int, output: int) -> None:
    """Have this process ended, or refused more, when it takes more; that cannot be undone.

    Parameters
    ----------
    seconds
        Of the processor.
    memory
        Address space, in bytes.
    output
        Bytes of any file that it writes.
    """
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
