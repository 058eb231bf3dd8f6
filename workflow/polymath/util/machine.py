"""The machine and software that a result was made with, without importing that software."""

import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Instruction sets that numerical libraries choose their kernels by; results differ between them in
# the last digits.
INSTRUCTIONS = re.compile(r"sse4_\d|avx\w*|fma|f16c|amx_\w+|asimd\w*|sve\w*|bf16|i8mm")
PACKAGES = ("numpy", "torch", "transformers")


def describe_machine(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the processor with its instruction sets, the operating system, and the versions of
    Python and of installed packages.
    """
    processor, instructions = read_processor(Path("/proc/cpuinfo"))
    return {
        "processor": processor,
        "instructions": instructions,
        "os": _operating_system(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def distinct(machines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each machine once, in the order of their first results."""
    kept: list[dict[str, Any]] = []
    for machine in machines:
        if machine not in kept:
            kept.append(machine)
    return kept


def read_processor(cpuinfo: Path) -> tuple[str, str]:
    """Return the first processor's name and its instruction sets, from Linux' list of processors.

    On other systems, and where Linux names no model (Arm), the name is the platform's.
    """
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    known = sorted(filter(INSTRUCTIONS.fullmatch, flags[1].split() if flags else ()))
    return name[1].strip() if name else platform.machine(), " ".join(known)


def _operating_system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except OSError:  # not Linux, or one without the file
        return kernel
