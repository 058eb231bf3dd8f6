"""Keep finished replicates outside the workflow's declared outputs, so that none is retrained.

Snakemake deletes a job's outputs before it runs again. The store lies hidden in the
condition's folder: asking for more replicates trains only the missing ones, an interrupted
job loses only the steps since its last checkpoint, and deleting the folder discards everything.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError

from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.paths import REPLICATES_FOLDER, STORED_MODEL
from polymath.training.checkpoints import CheckpointStore
from polymath.training.loop import Divergence
from polymath.training.whole_folder import require_intact, whole_folder
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_with_metadata, write_table


@dataclass(frozen=True)
class ReplicateResult:
    """One replicate's tables; one that diverged has no predictions."""

    predictions: pd.DataFrame
    curve: pd.DataFrame
    divergence: Divergence | None
    machine: dict[str, Any] = field(default_factory=dict)
    """What it was made with; empty if that was not recorded."""
    shuffled: pd.DataFrame | None = None
    """Predictions of shuffled test sequences, where they are asked for."""


@dataclass(frozen=True)
class ReplicateStore:
    """Replicates by number and by a digest of everything that determines their result.

    Attributes:
        keep_models: whether to store each replicate's model.
        all_models: whether a replicate without its model does not count as stored.
        shuffled: whether one without predictions of shuffled test sequences does not.
    """

    folder: Path
    task_type: str
    keep_models: bool = False
    all_models: bool = False
    shuffled: bool = False

    def has(self, replicate: int, digest: str) -> bool:
        """Say whether the tables of a finished replicate are there, without reading them."""
        return all(path.is_file() for path in self._tables(replicate, digest))

    def find(
        self, replicate: int, digest: str, log: Callable[[str], None]
    ) -> ReplicateResult | None:
        """Return a finished replicate; None, and log it, if there is none or it is damaged.

        Its remaining checkpoints are removed.
        """
        if not self.has(replicate, digest):
            return None
        try:
            return self._read(replicate, digest)
        except DamagedError as error:
            log(f"{error.problem}: the replicate is trained again")
            return None

    def _read(self, replicate: int, digest: str) -> ReplicateResult | None:
        predictions, curve = self._tables(replicate, digest)
        curve_table, metadata = read_with_metadata(curve)
        diverged = metadata.get("diverged")
        divergence = None if diverged is None else Divergence(**diverged)
        needs_model = self.all_models and replicate >= 0 and not divergence
        model = self.model(replicate, digest)
        if needs_model and not model.is_dir():
            return None
        if self.keep_models:
            require_intact(model)
        shuffled = self._shuffled(replicate, digest)
        needs_shuffled = self.shuffled and replicate >= 0
        if needs_shuffled and not shuffled.is_file():
            return None
        rows, stored = read_with_metadata(predictions)
        self.checkpoints(replicate, digest).clear()  # a killed process may have left them
        return ReplicateResult(
            rows,
            curve_table,
            divergence,
            stored.get("machine", {}),
            read_with_metadata(shuffled)[0] if needs_shuffled else None,
        )

    def save(
        self,
        replicate: int,
        digest: str,
        result: ReplicateResult,
        write_model: Callable[[Path], None],
    ) -> None:
        """Store a finished replicate, with its model if models are kept; remove its checkpoints."""
        is_reported = replicate >= 0  # the others choose a learning rate
        if self.keep_models and is_reported and not result.divergence:
            self._save_model(self.model(replicate, digest), write_model)
        predictions, curve = self._tables(replicate, digest)
        diverged = asdict(result.divergence) if result.divergence else None
        write_table(result.curve, curve, CURVE_SCHEMA, {"diverged": diverged})
        schema = prediction_schema(self.task_type)
        if result.shuffled is not None:
            write_table(result.shuffled, self._shuffled(replicate, digest), schema, {})
        write_table(result.predictions, predictions, schema, {"machine": result.machine})
        self.checkpoints(replicate, digest).clear()

    def checkpoints(self, replicate: int, digest: str) -> CheckpointStore:
        """Return the checkpoints of an unfinished replicate."""
        return CheckpointStore(self.folder / REPLICATES_FOLDER, f"{replicate}-{digest}")

    def remove_abandoned(self, wanted: list[str]) -> None:
        """Remove the checkpoints of replicates that the configuration no longer asks for.

        Args:
            wanted: "number-digest" of each replicate that it asks for.
        """
        for path in (self.folder / REPLICATES_FOLDER).glob("*.step-*"):
            if path.name.lstrip(".").partition(".step-")[0] not in wanted:
                path.unlink(missing_ok=True)

    def model(self, replicate: int, digest: str) -> Path:
        """Return the folder of a finished replicate's model."""
        return self.folder / REPLICATES_FOLDER / f"{replicate}-{digest}{STORED_MODEL}"

    def _tables(self, replicate: int, digest: str) -> tuple[Path, Path]:
        stem = self.folder / REPLICATES_FOLDER / f"{replicate}-{digest}"
        return Path(f"{stem}.predictions.parquet"), Path(f"{stem}.curve.parquet")

    def _shuffled(self, replicate: int, digest: str) -> Path:
        return self.folder / REPLICATES_FOLDER / f"{replicate}-{digest}.shuffled.parquet"

    def _save_model(self, folder: Path, write_model: Callable[[Path], None]) -> None:
        try:
            with whole_folder(folder) as unfinished:
                write_model(unfinished)
        except SafetensorError as error:
            raise PolymathError(
                f"{folder}: cannot write the model ({error}): free disk space and run the same "
                "command again"
            ) from None
