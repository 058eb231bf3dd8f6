"""Keys of a configuration that have no effect beside others: not wrong, but perhaps not meant."""

from collections.abc import Iterator

from polymath.experiment.config import Experiment
from polymath.experiment.datasets import Alphabet, Dataset
from polymath.experiment.recipes import Recipe

KINDS_OF = {"separator": "separator", "k": "kmer", "stride": "kmer"}  # of an alphabet's keys


def ignored_keys(experiment: Experiment) -> Iterator[str]:
    """Yield a sentence for each key that is set and ignored: its place, why, and what counts."""
    stated = experiment.model_fields_set
    if experiment.crossed and "replicates" in stated:
        yield (
            f"replicates: {experiment.replicates} is ignored: 'crossed' makes {experiment.runs} "
            "runs of each condition"
        )
    if "shift" in stated and not any(
        "shift" in experiment.mappings_of(task) for task in experiment.tasks
    ):
        yield "shift is ignored: no task has the mapping 'shift'"
    for name, recipe in experiment.recipes.items():
        yield from (f"recipes.{name}.{line}" for line in _of_recipe(recipe))
    if all(experiment.datasets[task].type == "regression" for task in experiment.tasks):
        for name, recipe in experiment.recipes.items():
            if recipe.class_weights != "none":
                yield f"recipes.{name}.class_weights is ignored: no task has classes"
    for name, dataset in experiment.datasets.items():
        yield from (f"datasets.{name}.{line}" for line in _of_dataset(dataset))
    probes = experiment.probes
    if probes is not None and probes.replicates > experiment.runs:
        yield f"probes.replicates: {experiment.runs} are probed, as many as there are"


def _of_recipe(recipe: Recipe) -> Iterator[str]:
    if "lora_rank" in recipe.model_fields_set and recipe.tuning != "lora":
        yield f"lora_rank is ignored: 'tuning' is {recipe.tuning}, not lora"


def _of_dataset(dataset: Dataset) -> Iterator[str]:
    if dataset.reader.split_names and dataset.reader.split is None:
        yield "reader.split_names is ignored: 'split' of the reader names no column"
    if dataset.windows is not None and dataset.windows.size > dataset.row_length:
        yield (
            f"windows.size: of {dataset.windows.size:,} symbols per window, the first "
            f"{dataset.row_length:,} are read, as 'max_length' says"
        )
    alphabet = dataset.alphabet
    for key, kind in KINDS_OF.items():
        # A preset sets every field.
        if alphabet.kind != kind and getattr(alphabet, key) != Alphabet.model_fields[key].default:
            yield f"alphabet.{key} is ignored: it goes with kind {kind}, not {alphabet.kind}"
    if alphabet.kind == "model" and alphabet.symbols is not None:
        yield "alphabet.symbols is ignored: those of kind model are the tokens of the model"
