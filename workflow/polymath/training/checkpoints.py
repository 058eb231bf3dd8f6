"""Checkpoints of a replicate in training, so that an interruption costs a minute at most.

A checkpoint is a safetensors file and a JSON file with its SHA-256, written last: weights without
that file are ignored. The last two are kept, beside the finished replicates and outside the
workflow's declared outputs, because Snakemake deletes the outputs of a failed job.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from polymath.training.loop import CurvePoint
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_json, sha256_of, whole_file, write_json

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """A replicate after `step` steps; everything else is a function of the step."""

    step: int
    curve: list[CurvePoint]
    seconds: float
    tensors: dict[str, torch.Tensor]
    """On the CPU."""


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one replicate; `stem` identifies it and what determines its result."""

    folder: Path
    stem: str

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but the last two.

        Raises:
            PolymathError: if it cannot be written; earlier ones are intact.
        """
        weights, description = self._paths(checkpoint.step)
        tensors = {name: value.contiguous() for name, value in checkpoint.tensors.items()}
        try:
            with whole_file(weights) as temporary:
                save_file(tensors, temporary)
                digest = sha256_of(temporary)
            curve = [asdict(point) for point in checkpoint.curve]
            value = {"sha256": digest, "seconds": checkpoint.seconds, "curve": curve}
            write_json(value, description)
        except (OSError, SafetensorError) as error:
            self._remove(f"{self.stem}.step-{checkpoint.step}.*")  # weights without a description
            raise PolymathError(self._explain(error)) from None
        for step in self._steps()[:-KEPT]:
            for path in self._paths(step):
                path.unlink(missing_ok=True)

    def load(self, log: Callable[[str], None]) -> Checkpoint | None:
        """Return the last intact checkpoint; log damaged ones."""
        self._remove(f".{self.stem}.step-*")  # half-written when a process was killed
        for step in reversed(self._steps()):
            try:
                return self._read(step)
            except (OSError, ValueError, KeyError, TypeError, DamagedError) as error:
                log(f"the checkpoint at step {step} is damaged ({error}): skipped")
        return None

    def clear(self) -> None:
        """Remove all checkpoints."""
        self._remove(f"{self.stem}.step-*")

    def _remove(self, pattern: str) -> None:
        for path in self.folder.glob(pattern):
            path.unlink(missing_ok=True)

    def _paths(self, step: int) -> tuple[Path, Path]:
        name = f"{self.stem}.step-{step}"
        return self.folder / f"{name}.safetensors", self.folder / f"{name}.json"

    def _steps(self) -> list[int]:
        paths = self.folder.glob(f"{self.stem}.step-*.json")
        return sorted(int(path.stem.rpartition("-")[2]) for path in paths)

    def _read(self, step: int) -> Checkpoint:
        weights, description = self._paths(step)
        value: dict[str, Any] = read_json(description)
        if sha256_of(weights) != value["sha256"]:
            raise ValueError("its checksum does not match")
        curve = [CurvePoint(**point) for point in value["curve"]]
        return Checkpoint(step, curve, float(value["seconds"]), load_file(weights))

    def _explain(self, error: Exception) -> str:
        steps = self._steps()
        earlier = (
            f"the checkpoint at step {steps[-1]} is intact" if steps else "there is no earlier one"
        )
        return (
            f"{self.folder}: cannot write a checkpoint ({error}); {earlier}: free disk space and "
            "run the same command again"
        )
