"""Keys of a configuration that have no effect beside others: not wrong, but perhaps not meant."""

from collections.abc import Iterator

from polymath.experiment.config import Experiment, own_checkpoint
from polymath.experiment.datasets import Alphabet, Dataset
from polymath.experiment.initialisations import RANDOM
from polymath.experiment.lineage import pretraining_domain
from polymath.experiment.sources import PretrainSource

# Mappings that the seed of a replicate draws.
DRAWN = ("random", "permute")
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
        if "lora_rank" in recipe.model_fields_set and recipe.tuning != "lora":
            yield f"recipes.{name}.lora_rank is ignored: 'tuning' is {recipe.tuning}, not lora"
    if all(experiment.datasets[task].type == "regression" for task in experiment.tasks):
        for name, recipe in experiment.recipes.items():
            if recipe.class_weights != "none":
                yield f"recipes.{name}.class_weights is ignored: no task has classes"
    for name, dataset in experiment.datasets.items():
        yield from (f"datasets.{name}.{line}" for line in _of_dataset(dataset))
    yield from _of_models_without_weights(experiment)
    yield from _of_pretraining(experiment)
    probes = experiment.probes
    if probes is not None and probes.replicates > experiment.runs:
        yield f"probes.replicates: {experiment.runs} are probed, as many as there are"


def _of_models_without_weights(experiment: Experiment) -> Iterator[str]:
    """Yield the initialisations that take weights, where no model has any."""
    asked = [name for name in experiment.initialisations if name not in RANDOM]
    if asked and not any(pretraining_domain(experiment, model) for model in experiment.models):
        yield (
            f"initialisations: {', '.join(asked)} is ignored: it takes weights from a checkpoint, "
            "and no model has any"
        )


def _of_pretraining(experiment: Experiment) -> Iterator[str]:
    """Yield what makes a model's pre-training here without use."""
    for model in experiment.models:
        source = experiment.checkpoints[model].source
        if not isinstance(source, PretrainSource):
            continue
        if set(experiment.initialisations) <= set(RANDOM):
            yield (
                f"checkpoints.{model}: its pre-training is of no use: every initialisation takes "
                "nothing from a checkpoint"
            )
            continue
        if source.synthetic is None and source.mapping in DRAWN:
            yield (
                f"checkpoints.{model}.source.mapping: {source.mapping} is drawn again for each "
                "replicate of fine-tuning; the first draw is that of pre-training, so that "
                "replicate 0 is unlike the others: use character, or identity for texts"
            )
        if source.is_self:
            yield from _of_own_sequences(experiment, model)


def _of_own_sequences(experiment: Experiment, model: str) -> Iterator[str]:
    """Yield the tasks whose symbols have other tokens than in pre-training on them."""
    for task in experiment.tasks:
        source = experiment.checkpoints[own_checkpoint(model, task)].source
        assert isinstance(source, PretrainSource)
        before, after = source.mapping, experiment.mappings_of(task)
        if before not in after:
            yield (
                f"checkpoints.{model}.source.mapping: its symbols of {task} have other tokens than "
                f"in pre-training, by mapping {before}: add {before} to 'mappings', which are "
                f"{', '.join(after)}"
            )


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
