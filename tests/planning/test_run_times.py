"""How much of a run's wall time was training."""

import os
from pathlib import Path

import pytest

from polymath.planning.run_times import describe_run


def write_benchmark(path: Path, start: float, end: float) -> Path:
    """A benchmark file as Snakemake leaves it when a job ends."""
    path.write_text(f"s\th:m:s\tmax_rss\n{end - start}\t0:00:00\t-\n")
    os.utime(path, (end, end))
    return path


def test_jobs_at_once_count_once_for_the_wall_time(tmp_path: Path) -> None:
    spans = [(1000, 1060), (1030, 1090), (1090, 1120)]
    files = [write_benchmark(tmp_path / f"{start}.tsv", start, end) for start, end in spans]
    line = describe_run([*files, tmp_path / "missing.tsv"], 1000, 1240)
    assert line is not None
    assert "wall time 4.0 min, 50%" in line
    assert "2.5 min of training" in line
    assert "1.2 conditions at once" in line


@pytest.mark.parametrize(("start", "end"), [(900, 990), (4000, 4060), (None, None)])
def test_a_run_that_trained_nothing_has_no_line(
    tmp_path: Path, start: float | None, end: float | None
) -> None:
    path = tmp_path / "job.tsv"
    if (
        start is not None and end is not None
    ):  # of an earlier run, or dated by a clock that is ahead
        write_benchmark(path, start, end)
    assert describe_run([path], 1000, 1240) is None


def test_what_began_before_the_run_counts_from_its_start(tmp_path: Path) -> None:
    path = write_benchmark(tmp_path / "job.tsv", 900, 1120)
    line = describe_run([path], 1000, 1240)
    assert line is not None
    assert "50% of it with training" in line
