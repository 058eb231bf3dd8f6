"""The description of the machine that results are made on."""

import platform
from pathlib import Path

import numpy as np
import pytest

from polymath.util.machine import describe_machine, read_processor

X86 = "model name\t: Some CPU @ 2.0GHz\nflags\t\t: fpu sse2 avx2 amx_bf16 avx512_bf16\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86 + X86.replace("Some", "Second"), ("Some CPU @ 2.0GHz", "amx_bf16 avx2 avx512_bf16")),
        (ARM, (platform.machine(), "asimd bf16 i8mm")),
        (None, (platform.machine(), "")),
    ],
)
def test_a_processor_has_a_name_and_the_instruction_sets_of_kernels(
    text: str | None, expected: tuple[str, str], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert read_processor(tmp_path / "cpuinfo") == expected


def test_a_machine_is_described_by_its_system_and_versions() -> None:
    machine = describe_machine(["numpy"])
    assert machine["numpy"] == np.__version__
    assert machine["python"] == platform.python_version()
    assert platform.release() in machine["os"]
    assert machine["processor"]
