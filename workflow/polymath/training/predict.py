"""Predict new sequences with a condition's kept models: new files to labels and values.

Everything that a prediction depends on is read from the results: how files are read and symbols
are cut, each replicate's vocabulary mapping, and its trained model. So the same sequences have the
same predictions as in training: to the bit in the same order, and but for rounding in another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from polymath.data.data_card import RejectedRows
from polymath.data.fetch.starting_model import starting_manifest
from polymath.data.unlabelled import read_unlabelled
from polymath.evaluation.label_sets import predict_sets
from polymath.evaluation.predictions import vote
from polymath.experiment.conditions import Condition
from polymath.experiment.config import TOKEN_MAPPINGS
from polymath.experiment.datasets import Alphabet, Dataset, Windows
from polymath.experiment.lineage import OWN_TOKENIZER
from polymath.experiment.paths import ResultPaths
from polymath.experiment.reader import Reader
from polymath.experiment.recipes import Recipe
from polymath.models.build import added_to_output
from polymath.models.pooling import set_pooling
from polymath.tokenization.tokenize import encode_new, load_symbols, truncate_rows
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.devices import claimed_device, configure_torch
from polymath.training.encode import encode_unlabelled, room_for_symbols
from polymath.training.job import Job
from polymath.training.loop import Predictor
from polymath.training.replicate import ConditionInputs
from polymath.training.replicate_store import ReplicateStore
from polymath.training.whole_folder import require_intact
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.label_sets import join_labels
from polymath.util.runtime import read_runtime
from polymath.util.storage import MADE_FROM, read_with_metadata

Floats = NDArray[np.float64]
Log = Callable[[str], None]


@dataclass(frozen=True)
class TrainedRun:
    """A condition whose models are kept, and all that its predictions depend on."""

    dataset: Dataset
    alphabet: Alphabet
    """How sequences are spelled for the tokenizer."""
    windows: Windows | None
    max_length: int
    tokenizer: Path
    job: Job
    metadata: dict[str, Any]
    """Of the stored predictions."""
    folder: Path

    @classmethod
    def of(cls, results: ResultPaths, condition: Condition, source: Path) -> "TrainedRun":
        """Return a condition's run.

        Args:
            source: the file or folder to predict.

        Raises:
            PolymathError: if a file of the results is missing, or an older version wrote it.
        """
        of_model = condition.mapping in TOKEN_MAPPINGS
        names = condition.task, condition.model if of_model else OWN_TOKENIZER
        tokens = results.tokens(*names)
        prepared = _asked(results.records(condition.task))["dataset"]
        tokenized = _asked(tokens)
        windows = tokenized.get("windows")
        _, metadata = read_with_metadata(results.predictions(condition))
        asked = metadata.get(MADE_FROM, {}).get("asked", {}).get("job", {})
        recipe = Recipe.model_validate(metadata["recipe_values"])
        return cls(
            dataset=Dataset.model_validate(
                {**prepared, "source": {"kind": "path", "path": str(source)}}
            ),
            alphabet=Alphabet.model_validate(tokenized["alphabet"]),
            windows=None if windows is None else Windows.model_validate(windows),
            max_length=tokenized["max_length"],
            tokenizer=results.symbols(*names),
            job=Job(
                condition=condition,
                recipe=recipe.at(metadata["learning_rate"]),
                metric=metadata["metric"],
                seed=metadata["experiment_seed"],
                replicates=metadata["replicates"],
                crossed=metadata["crossed"],
                tokens=tokens,
                vocabulary=results.vocabulary(condition.task, condition.model, condition.mapping),
                model=starting_manifest(results, condition),
                rarer_positive=asked.get("rarer_positive", False),
            ),
            metadata=metadata,
            folder=results.run(condition),
        )

    def models(self, inputs: ConditionInputs) -> dict[int, Path]:
        """Return the folder of each replicate's model.

        Raises:
            PolymathError: if none is kept, one is damaged, or what they were trained on has changed
                since.
        """
        store = ReplicateStore(self.folder, inputs.task.type)
        folders = {
            number: store.model(number, inputs.digest(number))
            for number in range(self.job.replicates)
        }
        kept = {number: folder for number, folder in folders.items() if folder.is_dir()}
        if not kept:
            raise PolymathError(
                f"{self.folder}: no model of this condition is kept, or its data or settings have "
                "changed since: set 'keep_models: true' and run the experiment again, which trains "
                "what is missing"
            )
        try:
            for folder in kept.values():
                require_intact(folder)
        except DamagedError as error:
            raise PolymathError(
                f"{error.problem}: delete {self.folder} and run the experiment again, which trains "
                "its models again"
            ) from None
        return kept


def _asked(table: Path) -> dict[str, Any]:
    """Return the parameters of the job that wrote a table, which older tables do not state."""
    stated = read_with_metadata(table)[1].get(MADE_FROM)
    if not stated:
        raise PolymathError(
            f"{table} does not state what it is made from: run the experiment again"
        )
    job: dict[str, Any] = stated["asked"]["job"]
    return job


def predict(run: TrainedRun, files: list[Path], threads: int, log: Log) -> pd.DataFrame:
    """Return one row per sequence: its id, and its predicted class, labels or value.

    Classes and labels come with their probabilities, as `probability NAME`. Windows of a sequence
    vote, and then replicates: probabilities and values are means.

    Raises:
        PolymathError: if a file or a model cannot be read; the message names the row and remedy.
    """
    configure_torch(threads)
    rejected = RejectedRows()
    try:
        table = read_unlabelled(run.dataset, files, rejected, run.metadata["labels"])
    except PolymathError as error:
        raise PolymathError(f"{error}; {_describe_form(run.dataset.reader)}") from None
    rows = _tokenize(run, table, log)
    for note in rejected.notices:
        log(note)
    for entry in rejected.as_list():
        log(f"left out: {entry['count']} rows: {entry['reason']}, the first {entry['first'][0]}")
    with claimed_device(log, read_runtime().conditions_per_gpu) as device:
        inputs = ConditionInputs(run.job, device)
        inputs.precision = run.metadata["precision"]
        models = run.models(inputs)
        log(f"{len(table)} sequences, {len(models)} of {run.job.replicates} replicates kept")
        outputs = [_predict(inputs, number, folder, rows) for number, folder in models.items()]
    return _tabulate(table["id"], np.mean(outputs, axis=0), run.metadata)


def _describe_form(reader: Reader) -> str:
    """Return how files to predict are read, which the configuration does not change any more."""
    keys = {
        "delimiter": reader.delimiter,
        "encoding": None if reader.encoding == "utf-8-sig" else reader.encoding,
        "sequence": reader.sequence,
        "sequence2": reader.sequence2,
        "id": reader.id,
    }
    settings = ", ".join(f"{key} {value!r}" for key, value in keys.items() if value)
    return (
        "to predict, correct the file: it is read as the task's own, "
        f"{reader.format} with {settings}"
    )


def _tokenize(run: TrainedRun, table: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Return the rows of the sequences: windows, truncated; `item` is the sequence's place."""
    tokenizer = load_symbols(run.tokenizer)
    numbered = table.assign(id=[str(place) for place in range(len(table))], split="", label="")
    rows = encode_new(numbered, tokenizer, run.alphabet, run.windows)
    truncated = truncate_rows(rows, run.max_length)
    if truncated:
        log(f"{truncated} of {len(rows)} rows are cut to {run.max_length} symbols, as in training")
    return rows


def _predict(inputs: ConditionInputs, number: int, folder: Path, rows: pd.DataFrame) -> Floats:
    """Return one replicate's (sequences, classes) probabilities, or (sequences, 1) values."""
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    )
    set_pooling(model, inputs.job.recipe.pooling)
    special_tokens, shuffle = inputs.special_tokens(number), inputs.shuffle()
    room = room_for_symbols(model, special_tokens)
    seed = shuffle.seed if shuffle else None
    data = encode_unlabelled(rows, model, inputs.mapping(number), special_tokens, room, seed)
    stream = ReplicateStream(inputs.device, inputs.captures)
    with stream.activate():
        model.to(inputs.device)
        prepare_for_training(model, inputs.precision)
        logits = Predictor(model, data, inputs.precision, stream, 1)()
    return vote(data.items, logits + added_to_output(model), inputs.task.type)[1]


def _tabulate(ids: pd.Series, outputs: Floats, metadata: dict[str, Any]) -> pd.DataFrame:
    """Return a table of (sequences, classes) probabilities, or (sequences, 1) values."""
    table = pd.DataFrame({"id": list(ids)})
    if metadata["type"] == "regression":
        return table.assign(prediction=outputs[:, 0])
    names = np.array(metadata["labels"])
    if metadata["type"] == "multi-label":
        separator = metadata["label_separator"]
        chosen = predict_sets(outputs).astype(bool)
        table["prediction"] = [join_labels(names[row], separator) for row in chosen]
    else:
        table["prediction"] = names[outputs.argmax(axis=1)]
    for place, name in enumerate(names):
        table[f"probability {name}"] = outputs[:, place]
    return table
