"""How many threads a call may take; the results are the same bits with any number.

The most is, in this order: what the innermost ``num_threads`` block of the calling thread says, what
``set_num_threads`` says, ``FASTBP_NUM_THREADS``, ``OMP_NUM_THREADS`` (joblib sets it in its workers), the processors
that this process may use. A call takes fewer where more would not pay.

threadpoolctl lists and limits fastbp too, whichever of the two is imported first: ``threadpool_limits(1)``, or
``threadpool_limits(1, user_api="fastbp")`` for fastbp alone, is to the thread that calls it what ``num_threads(1)`` is.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["get_num_threads", "num_threads", "set_num_threads"]

_chosen: int | None = None  # by set_num_threads, for all threads


class _Block(threading.local):
    """What the innermost block says. Each thread has its own, for blocks of several threads end in any order."""

    threads: int | None = None


_block = _Block()


def _positive(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"the number of threads must be a whole number; got {value!r}")
    if value < 1:
        raise ValueError(f"the number of threads must be at least 1; got {value}")
    return value


def set_num_threads(threads: int | None) -> None:
    """Sets the most threads that a call of any thread may take outside blocks; None leaves it to the environment.

    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(None)
    """
    global _chosen
    _chosen = None if threads is None else _positive(threads)


def get_num_threads() -> int:
    """The most threads that a call may take.

    >>> get_num_threads() >= 1
    True
    """
    return _block.threads or _outside_blocks()


def limit_this_thread(threads: int) -> None:
    """Sets the most threads that a call of this thread may take, as a block does that never ends.

    What holds outside blocks is no limit: whoever restores the number found before leaves nothing behind.
    """
    _block.threads = None if threads == _outside_blocks() else _positive(threads)


def _outside_blocks() -> int:
    if _chosen is not None:
        return _chosen
    for variable in ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(variable, "").split(",")[0].strip()  # OpenMP allows a list, a number for each level
        if value.isdecimal() and int(value) > 0:
            return int(value)
        if value and variable == "FASTBP_NUM_THREADS":
            raise ValueError(f"{variable} must be a whole number of at least 1; got {value!r}")
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota()))


@contextmanager
def num_threads(threads: int) -> Iterator[None]:
    """The most threads for the calls of this thread within a block.

    >>> with num_threads(1):
    ...     get_num_threads()
    1
    """
    before = _block.threads
    _block.threads = _positive(threads)
    try:
        yield
    finally:
        _block.threads = before


@cache
def _quota(root: str = "/sys/fs/cgroup") -> int:
    """The processors that the control group of a container allows, rounded up; many if it does not say."""
    unlimited = 1 << 16
    try:
        with open(os.path.join(root, "cpu.max")) as file:  # version 2
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:  # version 1
            with open(os.path.join(root, "cpu", "cpu.cfs_quota_us")) as file:
                quota = file.read().strip()
            with open(os.path.join(root, "cpu", "cpu.cfs_period_us")) as file:
                period = file.read().strip()
        except OSError:
            return unlimited
    if not (quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0):
        return unlimited  # "max", or -1
    return -(-int(quota) // int(period))
