"""How much of a run's wall time was training, from Snakemake's benchmark files."""

from collections.abc import Iterable, Iterator
from pathlib import Path


def describe_run(benchmarks: Iterable[Path], began: float, ended: float) -> str | None:
    """Return a run's wall time, its share with training and how many jobs trained at once.

    Args:
        benchmarks: one file per training job; those missing or written before the run count for
            nothing.
        began, ended: of the run, in seconds since the epoch.

    Returns:
        One line, or None if nothing was trained.
    """
    jobs = sorted(_spans(benchmarks, began, ended))
    if not jobs:
        return None
    busy, reached = 0.0, began
    for start, end in jobs:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    wall, trained = ended - began, sum(end - start for start, end in jobs)
    return (
        f"wall time {wall / 60:.1f} min, {busy / wall:.0%} of it with training jobs, "
        f"{trained / 60:.1f} min of training in all, {trained / busy:.1f} conditions at once on "
        "average"
    )


def _spans(benchmarks: Iterable[Path], began: float, ended: float) -> Iterator[tuple[float, float]]:
    """Yield each job's start and end; a benchmark file is written when its job ends."""
    for path in benchmarks:
        if path.is_file() and (end := path.stat().st_mtime) > began:
            header, values = path.read_text(encoding="utf-8").splitlines()[:2]
            seconds = float(dict(zip(header.split("\t"), values.split("\t"), strict=True))["s"])
            if end - seconds < ended:  # else dated by a clock that is ahead
                yield max(end - seconds, began), min(end, ended)
