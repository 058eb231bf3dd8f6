"""What share of a run's wall time something was in training."""

import time
from pathlib import Path

import pytest

from polymath.util.run_times import FILE, describe_run, noted_time


def write(folder: Path, *times: tuple[float, float]) -> Path:
    folder.mkdir()
    (folder / FILE).write_text("".join(f"{first},{last}\n" for first, last in times))
    return folder


def test_overlaps_count_once_and_gaps_not_at_all(tmp_path: Path) -> None:
    folders = [write(tmp_path / "a", (100, 160), (200, 220)), write(tmp_path / "b", (130, 180)),
               tmp_path / "without a file"]  # fmt: skip
    assert describe_run(folders, 60, 260) == (
        "wall time 3.3 min, 50% of it in training, 1.3 conditions at once on average"
    )


def test_only_what_lies_in_the_run_counts(tmp_path: Path) -> None:
    folders = [write(tmp_path / "a", (0, 50), (90, 110), (150, 900))]
    assert describe_run(folders, 100, 200) == (
        "wall time 1.7 min, 60% of it in training, 1.0 conditions at once on average"
    )
    assert describe_run(folders, 1000, 1100) is None


def test_time_is_noted_even_if_training_was_cut_short(tmp_path: Path) -> None:
    before = time.time()

    def train() -> None:
        with noted_time(tmp_path / "deep"):
            time.sleep(0.02)
            raise ValueError("cut")

    for _ in range(2):
        with pytest.raises(ValueError, match="cut"):
            train()
    lines = (tmp_path / "deep" / FILE).read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        first, last = map(float, line.split(","))
        assert before - 0.01 < first < last - 0.01 < time.time()
