"""Compare the representations of a text model, a random one and in-domain ones on one task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from polymath.analysis.representations.hidden_states import (
    FeatureExtractor,
    choose_rows,
    compare_heads,
    encode_rows,
    extract_states,
)
from polymath.analysis.representations.layers import compare_states
from polymath.evaluation.tables import HEADS_SCHEMA, SIMILARITY_SCHEMA
from polymath.experiment.analyses import Representations
from polymath.experiment.paths import replicate_folder
from polymath.experiment.representation_studies import (
    ModelReplicate,
    PairName,
    floor_replicates,
    list_pairs,
)
from polymath.experiment.stage_versions import REPRESENTATIONS
from polymath.models.build import longest_input
from polymath.training.devices import claimed_device, configure_torch, device_name
from polymath.training.job import Job
from polymath.training.replicate import ConditionInputs
from polymath.training.whole_folder import require_intact
from polymath.util.machine import describe_machine
from polymath.util.runtime import read_runtime
from polymath.util.seeds import derive_seed
from polymath.util.storage import write_table

State = Literal["initial", "fine-tuned"]


@dataclass(frozen=True)
class Subject:
    """The job that trains a condition, and the folder of its trained models if they are kept."""

    job: Job
    kept: Path | None

    @classmethod
    def all_of(cls, snakemake: Any) -> list["Subject"]:
        """Return the subjects of a rule with inputs tokens, vocabularies and models.

        Its parameter `job` holds what all jobs share and, as `compared`, each one's condition and
        folder of trained models.
        """
        shared, source = snakemake.params.job, snakemake.input
        subjects = []
        for own, *files in zip(shared["compared"], source.vocabularies, source.models, strict=True):
            job = Job.parse({**shared, "condition": own["condition"]}, source.tokens, *files)
            subjects.append(cls(job, Path(own["kept"]) if own["kept"] else None))
        return subjects


@dataclass(frozen=True)
class Tables:
    """Where the results of a comparison go."""

    similarity: Path
    heads: Path


def compare_representations(
    subjects: list[Subject],
    settings: Representations,
    threads: int,
    tables: Tables,
    log: Callable[[str], None],
) -> None:
    """Write the similarity of all pairs of layers and heads, before and after fine-tuning.

    The fine-tuned models are those that the configuration keeps; a replicate that diverged has
    none, and its pairs are left out.

    Args:
        subjects: in the order of `RepresentationStudy.conditions`, all reading the same tokens.

    Raises:
        PolymathError: if there are too few tokens for the models' dimensions.
    """
    configure_torch(threads)
    with claimed_device(log, read_runtime().conditions_per_gpu) as device:
        study = _Study(subjects, settings, device, tables.similarity.parent, log)
        parts = [study.compare(state) for state in ("initial", "fine-tuned")]
        provenance = study.provenance()
    for schema, path, results in zip(
        (SIMILARITY_SCHEMA, HEADS_SCHEMA),
        (tables.similarity, tables.heads),
        zip(*parts, strict=True),
        strict=True,
    ):
        write_table(pd.concat(results, ignore_index=True), path, schema, provenance)


class _Study:
    """One comparison's inputs, read once."""

    def __init__(
        self,
        subjects: list[Subject],
        settings: Representations,
        device: str,
        folder: Path,
        log: Callable[[str], None],
    ) -> None:
        self.subjects, self.settings, self.device = subjects, settings, device
        self.folder, self.log = folder, log
        self.inputs = [ConditionInputs(subject.job, device) for subject in subjects]
        first = subjects[0].job
        self.seed = derive_seed(first.seed, "resampling")
        floors = floor_replicates(settings.replicates, first.replicates, first.crossed)
        self.pairs = list_pairs(len(subjects), settings.replicates, floors)
        self.sides = list(dict.fromkeys(side for _, *pair in self.pairs for side in pair))

    def compare(self, state: State) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the similarities and heads of all pairs of models that exist in a state."""
        models = {side: self._load(side, state) for side in self.sides}
        loaded = {side: model for side, model in models.items() if model is not None}
        pairs = [pair for pair in self.pairs if pair[1] in loaded and pair[2] in loaded]
        if not pairs:
            self.log(f"no pair of {state} models")
            return pd.DataFrame(columns=SIMILARITY_SCHEMA.names), pd.DataFrame(
                columns=HEADS_SCHEMA.names
            )
        extractors = dict(self._encode(loaded))
        states = {
            side: extract_states(extractor, self.folder) for side, extractor in extractors.items()
        }
        similarities, heads = [], []
        for name, a, b in pairs:
            self.log(f"{state}: {name}, replicates {a.replicate + 1} and {b.replicate + 1}")
            columns = self._columns(name, a, b, state)
            similarities.append(
                compare_states(states[a], states[b], self.settings, self.seed).assign(
                    **columns, tokens=int(states[a].starts[-1])
                )
            )
            heads.append(
                compare_heads(extractors[a], extractors[b], self.settings.items).assign(**columns)
            )
        return pd.concat(similarities), pd.concat(heads)

    def provenance(self) -> dict[str, Any]:
        """Return the provenance needed to reproduce or check the results."""
        return {
            "code_version": REPRESENTATIONS,
            "settings": self.settings.model_dump(),
            "conditions": [subject.job.condition.columns for subject in self.subjects],
            "model_sha256": [inputs.model_sha256 for inputs in self.inputs],
            "experiment_seed": self.subjects[0].job.seed,
            "device": device_name(self.device),
            "machine": describe_machine(),
        }

    def _load(self, side: ModelReplicate, state: State) -> PreTrainedModel | None:
        inputs, kept = self.inputs[side.model], self.subjects[side.model].kept
        if state == "initial":
            return inputs.build_model(inputs.seeds(side.replicate))
        folder = kept / replicate_folder(side.replicate) if kept else None
        if folder is None or not folder.is_dir():
            return None
        require_intact(folder, made_with=kept)
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        return model

    def _encode(
        self, models: dict[ModelReplicate, PreTrainedModel]
    ) -> Iterator[tuple[ModelReplicate, FeatureExtractor]]:
        """Yield the same rows encoded for each model."""
        special_tokens = {
            side: self.inputs[side.model].special_tokens(side.replicate) for side in models
        }
        rooms = [
            limit - special_tokens[side].count
            for side, model in models.items()
            if (limit := longest_input(model)) is not None
        ]
        room = min(rooms, default=None)
        rows = choose_rows(self.inputs[0].task.rows, self.settings.tokens, room, self.seed)
        for side, model in models.items():
            mapping = self.inputs[side.model].mapping(side.replicate)
            yield (
                side,
                encode_rows(rows, model.to(self.device), mapping, special_tokens[side], room),
            )

    def _columns(
        self, name: PairName, a: ModelReplicate, b: ModelReplicate, state: State
    ) -> dict[str, Any]:
        text = self.subjects[0].job.condition
        sides = {
            f"{key}_{which}": value
            for which, side in (("a", a), ("b", b))
            for key, value in (
                ("model", self.subjects[side.model].job.condition.model),
                ("init", self.subjects[side.model].job.condition.init),
                ("replicate", side.replicate),
            )
        }
        return {"task": text.task, "mapping": text.mapping, "pair": name, **sides, "state": state}
