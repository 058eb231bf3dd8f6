"""Settings from the environment, on which no result depends."""

from pathlib import Path

import pytest

from polymath.util.errors import PolymathError
from polymath.util.runtime import Runtime, read_runtime


def test_what_is_not_set_has_its_default() -> None:
    assert read_runtime({}) == Runtime(60.0, 1, Path("polymath.lock.json"))
    assert read_runtime({"POLYMATH_LOCK": ""}) == Runtime()


def test_what_is_set_holds() -> None:
    environment = {
        "POLYMATH_CHECKPOINT_SECONDS": "0.5",
        "POLYMATH_CONDITIONS_PER_GPU": "4",
        "POLYMATH_LOCK": "elsewhere.json",
    }
    assert read_runtime(environment) == Runtime(0.5, 4, Path("elsewhere.json"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POLYMATH_CHECKPOINT_SECONDS", "soon"),
        ("POLYMATH_CHECKPOINT_SECONDS", "0"),
        ("POLYMATH_CHECKPOINT_SECONDS", "inf"),
        ("POLYMATH_CONDITIONS_PER_GPU", "1.5"),
        ("POLYMATH_CONDITIONS_PER_GPU", "-1"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(PolymathError, match=rf"{variable}={value}: .*positive"):
        read_runtime({variable: value})


@pytest.mark.parametrize("value", [".", "file/lock.json"])
def test_a_lock_that_cannot_be_a_file_is_named_with_its_variable(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(PolymathError, match=f"POLYMATH_LOCK={value}: "):
        read_runtime({"POLYMATH_LOCK": value})


def test_a_lock_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_runtime({"POLYMATH_LOCK": "~/x.json"}).lock == tmp_path / "x.json"


def test_a_misspelt_variable_is_named_and_a_secret_is_none() -> None:
    with pytest.raises(PolymathError, match=r"POLYMATH_CHECKPOINT_SECOND:.*POLYMATH_CHECKPOINT_S"):
        read_runtime({"POLYMATH_CHECKPOINT_SECOND": "3"})
    read_runtime({"POLYMATH_SECRET_HOST": "hunter2"})
