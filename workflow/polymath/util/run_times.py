"""When something was in training, and what share of a run's wall time that was."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = ".times.csv"


@contextmanager
def noted_time(folder: Path) -> Iterator[None]:
    """Add to the folder's file when the block began and ended, in seconds since the epoch."""
    began = time.time()
    try:
        yield
    finally:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FILE).open("a", encoding="ascii") as file:
            file.write(f"{began:.3f},{time.time():.3f}\n")


def describe_run(folders: Iterable[Path], began: float, ended: float) -> str | None:
    """Return what share of the time from `began` to `ended` something was in training, and how
    much at once on average; None if nothing was.

    Args:
        folders: those that `noted_time` was given; files that are not there count as empty.
        began, ended: seconds since the epoch.
    """
    found = sorted(
        (max(first, began), min(last, ended))
        for folder in folders
        for first, last in _read(folder / FILE)
        if last > began and first < ended
    )
    if not found:
        return None
    covered, reached = 0.0, began
    for first, last in found:
        covered += max(0.0, last - max(first, reached))
        reached = max(reached, last)
    at_once = sum(last - first for first, last in found) / covered
    wall = ended - began
    return (
        f"wall time {wall / 60:.1f} min, {covered / wall:.0%} of it in training, "
        f"{at_once:.1f} conditions at once on average"
    )


def _read(path: Path) -> Iterator[tuple[float, float]]:
    if path.is_file():
        for line in path.read_text(encoding="ascii").splitlines():
            first, _, last = line.partition(",")
            yield float(first), float(last)
