"""A condition is one cell of the matrix; its replicates differ only in their seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from polymath.config import ALPHABET_MAPPINGS, TOKEN_MAPPINGS, Exclusion, Experiment
from polymath.errors import PolymathError

OWN_TOKENIZER = "own"


@dataclass(frozen=True, order=True)
class Condition:
    """What is trained; never how or where it is run."""

    task: str
    model: str
    init: str
    mapping: str
    fraction: str
    recipe: str

    @property
    def path(self) -> str:
        """Hive-style folder, one level a field."""
        return "/".join(f"{field}={value}" for field, value in self.columns.items())

    @property
    def columns(self) -> dict[str, str]:
        """The fields in order, as they appear in result tables."""
        return dict(self.__dict__)

    @property
    def title(self) -> str:
        """Short name for logs and progress."""
        return " · ".join(self.columns.values())


def format_fraction(fraction: float) -> str:
    """Return the shortest text of a fraction: '1', '0.1'."""
    return f"{fraction:.6g}"


def tokenizer_of(experiment: Experiment, task: str, model: str) -> str:
    """Return which tokenizer a task uses: its own alphabet's, or the model's by name."""
    return model if experiment.datasets[task].alphabet.kind == "model" else OWN_TOKENIZER


def expand_conditions(experiment: Experiment) -> list[Condition]:
    """Return the Cartesian product of the experiment's lists, less mappings that do not fit
    a task and less the exclusions.

    Raises:
        PolymathError: if a task is left without a mapping, an exclusion matches nothing, or
            nothing is left.
    """
    everything = list(_product(experiment))
    unused = [rule for rule in experiment.exclude if not any(_matches(rule, c) for c in everything)]
    if unused:
        given = unused[0].model_dump(exclude_none=True)
        raise PolymathError(f"config: exclude: {given} matches no condition: mend or remove it")
    kept = [c for c in everything if not any(_matches(rule, c) for rule in experiment.exclude)]
    if not kept:
        raise PolymathError("config: exclude: every condition is excluded: nothing is left to run")
    return kept


def _product(experiment: Experiment) -> Iterator[Condition]:
    for task, model in product(experiment.tasks, experiment.models):
        for init, mapping, fraction, recipe in product(
            experiment.initialisations,
            _fitting_mappings(experiment, task),
            experiment.fractions,
            experiment.recipes,
        ):
            yield Condition(task, model, init, mapping, format_fraction(fraction), recipe)


def _fitting_mappings(experiment: Experiment, task: str) -> list[str]:
    is_text = experiment.datasets[task].alphabet.kind == "model"
    fitting = TOKEN_MAPPINGS if is_text else ALPHABET_MAPPINGS
    chosen: list[str] = [mapping for mapping in experiment.mappings if mapping in fitting]
    if not chosen:
        raise PolymathError(
            f"config: mappings: none of {list(experiment.mappings)} fits task '{task}': "
            f"add one of {sorted(fitting)}"
        )
    return chosen


def _matches(rule: Exclusion, condition: Condition) -> bool:
    given = rule.model_dump(exclude_none=True)
    if "fraction" in given:
        given["fraction"] = format_fraction(given["fraction"])
    return all(condition.columns[field] == value for field, value in given.items())
