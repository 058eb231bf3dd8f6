"""GPUs are counted, and what is asked of Snakemake is held against them, with pretend devices."""

import os
import shutil
from pathlib import Path

import pytest

from polymath.util.errors import PolymathError
from polymath.util.gpus import count_gpus, describe_gpus, lock_folder, named_gpus


@pytest.mark.parametrize(
    ("named", "devices"),
    [
        ("0,1", ["0", "1"]),
        ("GPU-abc/0, 3", ["GPU-abc/0", "3"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),
    ],
)
def test_devices_that_are_named_are_those_that_count(
    named: str, devices: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert named_gpus() == devices
    assert count_gpus(tmp_path) == len(devices)


def test_without_names_the_drivers_devices_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert count_gpus(tmp_path) == 0
    for name in (
        "nvidia0",
        "nvidia1",
        "nvidia10",
        "nvidiactl",
        "nvidia-uvm",
        "nvidia-caps",
        "null",
    ):
        (tmp_path / name).touch()
    assert count_gpus(tmp_path) == 3
    assert named_gpus() is None


@pytest.mark.parametrize(
    ("gpus", "asked", "cores", "sharing", "said"),
    [
        (4, 4, 16, 1, "4 GPUs found: 4 conditions at once"),
        (2, 4, 16, 2, "2 GPUs found: 4 conditions at once"),
        (4, 4, 2, 1, "4 GPUs found: 2 conditions at once; raise --cores for more"),
        (
            2,
            None,
            16,
            1,
            "2 GPUs found: add --resources gpu=2, otherwise waiting jobs occupy CPU cores",
        ),
        (2, None, 2, 1, "2 GPUs found: 2 conditions at once"),
        (0, 4, 2, 1, "no GPU found: 2 conditions at once train on the CPU"),
        (0, 4, 16, 1, "no GPU found: 4 conditions at once train on the CPU"),
        (0, None, 8, 1, "no GPU found: 8 conditions at once train on the CPU"),
    ],
)
def test_how_conditions_share_the_machine_is_said(
    gpus: int, asked: int | None, cores: int, sharing: int, said: str
) -> None:
    assert describe_gpus(gpus, asked, cores, sharing) == said


@pytest.mark.parametrize(("gpus", "asked", "sharing", "places"), [(2, 8, 1, 2), (2, 5, 2, 4)])
def test_more_gpus_than_there_are_is_a_mistake(
    gpus: int, asked: int, sharing: int, places: int
) -> None:
    with pytest.raises(PolymathError, match=f"gpu={asked}: {gpus} GPUs found.* gpu={places},"):
        describe_gpus(gpus, asked, 16, sharing)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder, a runtime folder and a home of this test's own; return their parent."""
    for variable, name in (("TMPDIR", "tmp"), ("XDG_RUNTIME_DIR", "run"), ("HOME", "home")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return tmp_path


def expected_folder(places: Path, name: str = "tmp") -> Path:
    return places / name / f"polymath-gpus-{os.getuid()}"


def test_locks_lie_in_the_temporary_folder_in_a_folder_of_the_users_own(places: Path) -> None:
    for _ in range(2):
        folder = lock_folder(lambda line: pytest.fail(line))
        assert folder == expected_folder(places)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_another_users_folder_is_passed_over(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getuid() + 1
    theirs = places / "tmp" / f"polymath-gpus-{me}"
    theirs.mkdir(mode=0o700)
    monkeypatch.setattr("os.getuid", lambda: me)
    lines: list[str] = []
    with pytest.raises(PolymathError, match="TMPDIR"):
        lock_folder(lines.append)  # the other places' new folders are not that user's either
    assert str(theirs) in lines[0]


def plant_link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def plant_writable_folder(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


@pytest.mark.parametrize("plant", [plant_link, plant_writable_folder, Path.touch])
def test_a_folder_that_others_may_have_prepared_is_passed_over(plant: object, places: Path) -> None:
    assert callable(plant)
    plant(expected_folder(places))
    lines: list[str] = []
    assert lock_folder(lines.append) == expected_folder(places, "run")
    assert len(lines) == 1
    assert str(expected_folder(places)) in lines[0]
    expected_folder(places, "run").rmdir()
    plant(expected_folder(places, "run"))
    assert places / "home" in lock_folder(lines.append).parents


def test_nobody_else_can_open_the_locks_and_hold_them(places: Path) -> None:
    expected_folder(places).mkdir(mode=0o755)
    assert lock_folder(lambda line: pytest.fail(line)).stat().st_mode & 0o777 == 0o700


def test_locks_need_no_home(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: object) -> None:
        raise KeyError(key)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", fail)
    assert lock_folder(lambda line: pytest.fail(line)) == expected_folder(places)
    for name in ("tmp", "run"):
        shutil.rmtree(expected_folder(places, name), ignore_errors=True)
        expected_folder(places, name).touch()
    with pytest.raises(PolymathError, match="set TMPDIR"):
        lock_folder(print)


def test_every_allocation_has_its_own_locks(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert lock_folder(print).name == f"polymath-gpus-{os.getuid()}-17"
