"""The experiment's configuration: its types, and how it is read, merged and checked."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, model_validator

from polymath.experiment.analyses import Probes, Representations
from polymath.experiment.base import Name, StrictModel
from polymath.experiment.config_errors import parse
from polymath.experiment.config_files import read_config
from polymath.experiment.datasets import Dataset
from polymath.experiment.initialisations import InitName
from polymath.experiment.input_orders import AS_IS, SHUFFLED_INPUT, InputOrder
from polymath.experiment.models import ModelEntry
from polymath.experiment.recipes import Recipe
from polymath.experiment.sources import (
    ConfiguredSource,
    MadeSource,
    ModelSource,
    PathSource,
    PretrainSource,
)
from polymath.util.errors import PolymathError, suggest

M = TypeVar("M", bound=BaseModel)
MappingName = Literal["random", "frequency", "character", "authors", "identity", "permute", "shift"]
BaselineName = Literal["majority", "stump", "ngram", "trees"]
# The streams of random choices that may be varied alone; see `seeds`.
CrossedStream = Literal["mapping", "init", "order", "dropout", "subset"]
# An alphabet of its own is mapped into the model's vocabulary; the model's own tokens are mapped
# onto themselves.
ALPHABET_MAPPINGS: frozenset[str] = frozenset({"random", "frequency", "character", "authors"})
TOKEN_MAPPINGS: frozenset[str] = frozenset({"identity", "permute", "shift"})
DEFAULT_MAPPINGS: tuple[MappingName, ...] = ("random",)
DEFAULT_TEXT_MAPPINGS: tuple[MappingName, ...] = ("identity", "permute")
# Keys whose values are a condition's, each once.
LISTS = ("tasks", "models", "initialisations", "mappings", "fractions", "input_orders", "baselines")
MOST_RUNS = 10_000  # of a condition


def _one_or_several(value: object) -> object:
    return value if value is None or isinstance(value, list | tuple) else (value,)


T = TypeVar("T")
Several = Annotated[tuple[T, ...] | None, BeforeValidator(_one_or_several)]


class Exclusion(StrictModel):
    """Conditions to leave out: those that match every field set here, to a value or a list."""

    domain: Several[Name] = Field(None, description="of the task")
    task: Several[Name] = None
    model: Several[Name] = None
    init: Several[InitName] = None
    mapping: Several[MappingName] = None
    fraction: Several[float] = None
    recipe: Several[Name] = None
    input_order: Several[InputOrder] = None


class Experiment(StrictModel):
    """The whole configuration: the product of the lists is the matrix."""

    results: str = Field(
        # Snakemake reads braces as wildcards, and quotes paths for a cluster's shell by repr().
        "results",
        pattern=r"""^[^~{}'"`$\\\x00-\x1f][^{}'"`$\\\x00-\x1f]*$""",
        description="folder of all results; its name has no quotes, braces, backslashes, $ or "
        "control characters, and does not begin with ~",
    )
    seed: int = Field(0, ge=0, description="every random choice derives from it")
    replicates: int = Field(
        3, ge=1, le=MOST_RUNS, description="runs of each condition, with their own seeds"
    )
    tasks: tuple[Name, ...] = Field(
        min_length=1, description="names in resources/datasets.yaml or under datasets"
    )
    models: tuple[Name, ...] = Field(
        min_length=1, description="names in resources/models.yaml or under checkpoints"
    )
    initialisations: tuple[InitName, ...] = Field(
        ("pretrained", "scratch"),
        min_length=1,
        description="the checkpoint's weights (pretrained), random ones as its configuration says "
        "(scratch), or something between (2 stands for any number): see initialisations.md",
    )
    mappings: Annotated[tuple[MappingName, ...], Field(min_length=1)] | None = Field(
        None,
        description="random, frequency, character, authors for alphabets of their own; identity, "
        "permute, shift for what the model's own tokenizer reads; default: random, and for text "
        "identity and permute",
    )
    shift: int = Field(1000, ge=1, le=10_000_000, description="how far mapping shift moves a token")
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0,), min_length=1, description="shares of the training split"
    )
    recipes: dict[Name, Recipe] = Field(min_length=1, description="ways to fine-tune, by name")
    input_orders: tuple[InputOrder, ...] = Field(
        ("as-is",),
        min_length=1,
        description="order of the symbols in each sequence: their own (as-is); permuted at random "
        "in the test sequences of what is trained as-is (shuffled-input); permuted in all "
        "sequences, and trained again (shuffled-training)",
    )
    baselines: tuple[BaselineName, ...] = Field(
        (), description="simple predictors for comparison, one condition per task"
    )
    crossed: dict[CrossedStream, Annotated[int, Field(ge=1, le=MOST_RUNS)]] = Field(
        {},
        description="instead of replicates: how many seeds of each stream, all combined, as "
        "`{init: 3, mapping: 2}`; streams left out keep one seed",
    )
    keep_models: StrictBool | None = Field(
        None,
        description="keep each replicate's trained model, as transformers saves it: of all "
        "conditions (true) or none (false); default: of the best arm of each task with files of "
        "your own",
    )
    representations: Representations | None = Field(
        None, description="compare hidden states: see representations.md"
    )
    probes: Probes | None = Field(
        None, description="measure trainability before training: see probes.md"
    )
    exclude: tuple[Exclusion, ...] = Field(
        (), description="conditions to leave out, each by the fields that it must match"
    )
    datasets: dict[Name, Dataset] = Field({}, description="the user's own tasks, by name")
    checkpoints: dict[Name, ModelEntry] = Field({}, description="the user's own models, by name")

    @model_validator(mode="after")
    def _lists_have_no_repeats(self) -> "Experiment":
        for name in LISTS:
            values = getattr(self, name) or ()
            if len(set(values)) != len(values):
                raise ValueError(f"'{name}' names something twice")
        if SHUFFLED_INPUT in self.input_orders and AS_IS not in self.input_orders:
            raise ValueError(
                f"'input_orders': {SHUFFLED_INPUT} tests what is trained {AS_IS}: list {AS_IS} too"
            )
        if self.runs > MOST_RUNS:
            raise ValueError(
                f"'crossed' makes {self.runs:,} runs per condition: at most {MOST_RUNS:,}"
            )
        return self

    def mappings_of(self, task: str) -> tuple[MappingName, ...]:
        """Return the mappings asked for; without any, those of the task's kind."""
        if self.mappings is not None:
            return self.mappings
        is_text = self.datasets[task].alphabet.kind == "model"
        return DEFAULT_TEXT_MAPPINGS if is_text else DEFAULT_MAPPINGS

    @property
    def runs(self) -> int:
        """Replicates of each condition."""
        return math.prod(self.crossed.values()) if self.crossed else self.replicates

    def keeps_best(self, task: str) -> bool:
        """Whether the models of a task's best arm alone are kept."""
        return self.keep_models is None and isinstance(self.datasets[task].source, PathSource)

    @property
    def trials(self) -> int:
        """Replicates that at most choose a learning rate, beside those that are reported."""
        return max(recipe.trials for recipe in self.recipes.values())


def load_experiment(config: Mapping[str, Any], resources: Path) -> Experiment:
    """Check a configuration and add the catalogue entries that it names.

    Args:
        config: the merged configuration, as read from YAML.
        resources: folder of datasets.yaml and models.yaml.

    Raises:
        PolymathError: naming the key, what is wrong and the nearest valid name.
    """
    experiment = parse(Experiment, dict(config), "config")
    datasets = _with_catalogue(experiment.datasets, resources / "datasets.yaml", Dataset)
    checkpoints = _with_catalogue(experiment.checkpoints, resources / "models.yaml", ModelEntry)
    _require(experiment.tasks, datasets, "tasks", "datasets.yaml or under 'datasets:'")
    models = _with_bases(experiment.models, checkpoints)
    tasks = dict.fromkeys(experiment.tasks)
    for name in models:
        source = checkpoints[name].source
        if isinstance(source, PretrainSource) and source.task and not source.is_self:
            key = f"checkpoints: {name}: task"
            _require((source.task,), datasets, key, "datasets.yaml or under 'datasets:'")
            tasks[source.task] = None
    chosen = {name: checkpoints[name] for name in models}
    own = _with_own_checkpoints(chosen, {name: datasets[name] for name in experiment.tasks})
    return experiment.model_copy(
        update={
            "datasets": {name: datasets[name] for name in tasks},
            "checkpoints": {**chosen, **own},
        }
    )


def own_checkpoint(model: str, task: str) -> str:
    """Return the name of the checkpoint that a model has for one task alone."""
    return f"{model}.{task}"


def _with_own_checkpoints(
    checkpoints: Mapping[str, ModelEntry], tasks: Mapping[str, Dataset]
) -> dict[str, ModelEntry]:
    """Return a checkpoint for each task and model that is pre-trained on each task's own sequences;
    refuse one that has another model's name.
    """
    own: dict[str, ModelEntry] = {}
    for model, entry in checkpoints.items():
        if not (isinstance(entry.source, PretrainSource) and entry.source.is_self):
            continue
        for task, dataset in tasks.items():
            name = own_checkpoint(model, task)
            if name in checkpoints or name in own:
                raise PolymathError(
                    f"config: checkpoints: {name}: this is the name of '{model}' on task '{task}', "
                    "and of another: rename one"
                )
            # A text has no alphabet: its own tokens stay as they are.
            is_text = dataset.alphabet.kind == "model"
            mapping = {"mapping": "identity"} if is_text else {}
            source = entry.source.model_copy(update={"task": task, **mapping})
            own[name] = entry.model_copy(update={"source": source})
    return own


def _with_bases(names: tuple[str, ...], known: Mapping[str, ModelEntry]) -> list[str]:
    """Return these models and those that they are made from, bases first."""
    where = "models.yaml or under 'checkpoints:'"
    _require(names, known, "models", where)
    models: dict[str, None] = {}  # an ordered set

    def add(name: str, above: tuple[str, ...]) -> None:
        source = known[name].source
        if isinstance(source, MadeSource):
            _require((source.base,), known, f"checkpoints: {name}: base", where)
            _require_fitting_base(name, source, known[source.base].source)
            if source.base in above:
                raise PolymathError(f"config: checkpoints: {name}: base: it is made from itself")
            add(source.base, (*above, source.base))
        models[name] = None

    for name in names:
        add(name, (name,))
    return list(models)


def _require_fitting_base(name: str, source: MadeSource, base: ModelSource) -> None:
    """Refuse a base without the weights to start from, or with other weights on each task."""
    is_bare = isinstance(base, ConfiguredSource) and base.weights is None
    if isinstance(source, PretrainSource) and source.init == "pretrained" and is_bare:
        raise PolymathError(
            f"config: checkpoints: {name}: init: its base '{source.base}' has no weights of its "
            "own, and 'pretrained' starts from them: set 'scratch', or give the base 'weights'"
        )
    if isinstance(base, PretrainSource) and base.is_self:
        raise PolymathError(
            f"config: checkpoints: {name}: base: '{source.base}' has other weights on each task "
            f"(task: {base.task}), and a base has the same on all: name that model's own base"
        )


def _with_catalogue(own: Mapping[str, M], path: Path, kind: type[M]) -> dict[str, M]:
    entries = read_config(path)
    known = {name: parse(kind, entry, f"{path.name}: {name}") for name, entry in entries.items()}
    return {**known, **own}


def _require(names: tuple[str, ...], known: Mapping[str, Any], key: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise PolymathError(
                f"config: {key}: '{name}' is not described in {where}: {suggest(name, known)}"
            )
