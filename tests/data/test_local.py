"""Raw files of the user's own, from a file or a folder."""

from pathlib import Path

import pytest

from polymath.data.fetch.local import list_path
from polymath.util.errors import PolymathError
from support.own_data import own


def test_a_path_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    for name, problem in (("gone", "does not exist"), ("empty", "is an empty folder")):
        with pytest.raises(PolymathError, match=f"{name}' {problem}"):
            list_path(own(tmp_path / name))


def test_a_single_file_is_taken_even_if_hidden(tmp_path: Path) -> None:
    file = tmp_path / ".data.csv"
    file.write_text("x")
    assert list_path(own(file)) == [file]


def test_a_folder_gives_its_files_sorted_without_hidden_ones(tmp_path: Path) -> None:
    folder = tmp_path / ".private"  # above the source, hidden folders hide nothing
    for name in ["b/deep/two.csv", "a.csv", ".hidden.csv", ".git/config", "b/.cache/three.csv"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert list_path(own(folder)) == [folder / "a.csv", folder / "b/deep/two.csv"]
