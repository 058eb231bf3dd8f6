"""GPUs are counted, and what is asked of Snakemake is held against them, with pretend devices."""

from pathlib import Path

import pytest

from polymath.util.errors import PolymathError
from polymath.util.gpus import count_gpus, describe_gpus, named_gpus


@pytest.mark.parametrize(
    ("named", "devices"),
    [("0,1", ["0", "1"]), ("GPU-abc/0, 3", ["GPU-abc/0", "3"]), ("", []), ("-1", [])],
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
