"""The commands beside the workflow."""

from pathlib import Path

import pandas as pd
import pytest

from polymath.__main__ import print_summary


def test_the_summary_prints_the_table_and_names_only_files_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame(
        {
            "task": ["odd"], "domain": ["dna"], "model": ["m"], "init": ["scratch"],
            "mapping": ["random"], "fraction": ["1"], "recipe": ["tiny"], "metric": ["mcc"],
            "chance": [0.0], "n": [1], "mean": [0.5], "low": [None], "high": [None],
            "difference": [None], "difference_low": [None], "difference_high": [None],
        }
    ).to_parquet(tmp_path / "matrix.parquet")  # fmt: skip
    (tmp_path / "matrix.md").write_text("")
    print_summary(tmp_path)
    printed = capsys.readouterr().out
    assert "0.500 [one replicate]" in printed
    assert str(tmp_path / "matrix.md") in printed
    assert "curves.png" not in printed
