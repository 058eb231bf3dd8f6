"""Pools of processes."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def process_pool(
    workers: int, initializer: Callable[[], None] | None = None
) -> ProcessPoolExecutor:
    """Return a pool whose processes are copies of this one.

    Processes that are not copies, Python's default from 3.14 on, run the workflow's script again,
    where it knows nothing of its job.
    """
    fork = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, fork, initializer)
