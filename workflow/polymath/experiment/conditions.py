"""A condition is one cell of the matrix; its replicates differ only in their seeds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

from polymath.experiment.architectures import (
    known_config,
    missing_part,
    pooling_has_no_meaning,
    pretraining_problem,
)
from polymath.experiment.config import (
    ALPHABET_MAPPINGS,
    TOKEN_MAPPINGS,
    BaselineName,
    Exclusion,
    Experiment,
)
from polymath.experiment.initialisations import RANDOM
from polymath.experiment.input_orders import (
    SHUFFLED_INPUT,
    in_order,
    order_of,
    without_order,
)
from polymath.experiment.lineage import (
    OWN_TOKENIZER,
    pretraining_domain,
    tokenizer_domain,
)
from polymath.experiment.sources import SELF
from polymath.util.errors import PolymathError, suggest

NONE = "none"  # a baseline has no initialisation, mapping or recipe
# What the place of a model's name says elsewhere.
RESERVED_MODELS = (OWN_TOKENIZER, NONE, *get_args(BaselineName))


@dataclass(frozen=True, order=True)
class Condition:
    """What is trained, independent of how or where it runs."""

    task: str
    model: str
    init: str
    mapping: str
    fraction: str
    recipe: str

    @property
    def path(self) -> str:
        """Hive-style folder, one level per field."""
        return "/".join(f"{field}={value}" for field, value in self.columns.items())

    @property
    def columns(self) -> dict[str, str]:
        """The fields in order, as they appear in result tables."""
        return dict(self.__dict__)

    @property
    def is_baseline(self) -> bool:
        """Whether it is a simple predictor for comparison, without a pre-trained model."""
        return self.init == NONE

    @property
    def base_recipe(self) -> str:
        """The name of its recipe in the configuration, which says nothing of input orders."""
        return without_order(self.recipe)

    @property
    def input_order(self) -> str:
        """The order of its sequences' symbols; see `input_orders`."""
        return order_of(self.recipe)

    @property
    def trained(self) -> "Condition":
        """The condition whose training gives its predictions: but for shuffled input, itself."""
        is_test = self.input_order == SHUFFLED_INPUT
        return replace(self, recipe=self.base_recipe) if is_test else self

    @property
    def is_trained(self) -> bool:
        """Whether models are trained for it alone: it has a learning curve, and may keep them."""
        return not self.is_baseline and self.trained == self

    @property
    def title(self) -> str:
        """Short name for logs and progress."""
        return " · ".join(self.columns.values())


def format_fraction(fraction: float) -> str:
    """Return the shortest text of a fraction: '1', '0.1'."""
    return f"{fraction:.6g}"


def expand_conditions(experiment: Experiment) -> list[Condition]:
    """Return the Cartesian product of the experiment's lists, followed by each task's baselines.

    Combinations that do not fit a task or model, and exclusions, are left out.

    Raises:
        PolymathError: if two conditions would have one name, a task or a model is left without a
            condition, an exclusion matches nothing, or nothing is left.
    """
    _require_distinct_names(experiment)
    everything = [*_product(experiment), *_baselines(experiment)]
    for key, names in (("model", experiment.models), ("task", experiment.tasks)):
        for name in names:
            if not any(c.columns[key] == name for c in everything if not c.is_baseline):
                raise PolymathError(_explain_misfit(experiment, key, name))

    columns = {
        c: {
            **c.columns,
            "recipe": c.base_recipe,
            "domain": experiment.datasets[c.task].domain,
            "input_order": c.input_order,
        }
        for c in everything
    }
    excluded = {c for rule in experiment.exclude for c in _excluded_by(rule, columns)}
    kept = [condition for condition in everything if condition not in excluded]
    if not kept:
        raise PolymathError("config: exclude: every condition is excluded: nothing is left to run")
    _require_parts(experiment, kept)
    if problem := pretraining_problem(experiment):
        raise PolymathError(f"config: {problem}")
    _require_trained(kept)
    return kept


def _require_trained(conditions: list[Condition]) -> None:
    """Refuse to test what is not trained."""
    known = set(conditions)
    for condition in conditions:
        if condition.trained not in known:
            raise PolymathError(
                f"config: exclude: {condition.title} tests {condition.trained.title}, which is "
                f"excluded: exclude {{input_order: {SHUFFLED_INPUT}}} there too"
            )


def _require_parts(experiment: Experiment, conditions: list[Condition]) -> None:
    """Refuse initialisations and poolings that a model is known to have no parts for."""
    configs = {name: known_config(experiment, name) for name in experiment.models}
    for condition in conditions:
        if condition.is_baseline:
            continue
        model, init, recipe = condition.model, condition.init, condition.base_recipe
        lacks = missing_part(configs[model], init)
        if lacks is not None:
            raise PolymathError(
                f"config: initialisations: '{init}': model '{model}' {lacks}: leave the "
                f"initialisation out, or exclude {{init: {init}, model: {model}}}"
            )
        pooling = experiment.recipes[recipe].pooling
        if pooling != "cls" and pooling_has_no_meaning(configs[model]):
            raise PolymathError(
                f"config: recipes: {recipe}: pooling: the head of model '{model}' reads more than "
                f"the last hidden states: use cls, or exclude {{recipe: {recipe}, model: {model}}}"
            )


def _excluded_by(
    rule: Exclusion, columns: Mapping[Condition, Mapping[str, str]]
) -> list[Condition]:
    """Return the conditions that a rule leaves out; refuse one that leaves out none, and one with a
    value that is in no condition's columns.
    """
    rules: dict[str, list[str]] = {
        field: [format_fraction(value) if field == "fraction" else value for value in values]
        for field, values in rule.model_dump(exclude_none=True).items()
    }
    matches = [
        condition
        for condition, fields in columns.items()
        if all(fields[field] in values for field, values in rules.items())
    ]
    shown = {field: values[0] if len(values) == 1 else values for field, values in rules.items()}
    for field, values in rules.items():
        names = {fields[field] for fields in columns.values()}
        for value in values:
            if value not in names:
                raise PolymathError(
                    f"config: exclude: {shown}: no condition has the {field} '{value}': "
                    f"{suggest(value, names)}"
                )
    if not matches:
        raise PolymathError(f"config: exclude: {shown} matches no condition: fix or remove it")
    return matches


def _require_distinct_names(experiment: Experiment) -> None:
    if SELF in experiment.tasks:
        raise PolymathError(
            f"config: tasks: '{SELF}' is reserved: give the task another name under 'datasets'"
        )
    for model in experiment.models:
        if model in RESERVED_MODELS:
            raise PolymathError(
                f"config: models: '{model}' is reserved: give the model another name under "
                "'checkpoints'"
            )
    texts = [format_fraction(fraction) for fraction in experiment.fractions]
    for text in texts:
        if texts.count(text) > 1:
            raise PolymathError(
                f"config: fractions: two are {text} to six digits, and would be one: remove one"
            )


def _product(experiment: Experiment) -> Iterator[Condition]:
    fractions = [format_fraction(fraction) for fraction in experiment.fractions]
    recipes = [in_order(*names) for names in product(experiment.recipes, experiment.input_orders)]
    for task, model in product(experiment.tasks, experiment.models):
        inits = [init for init in experiment.initialisations if _can_begin(experiment, model, init)]
        fit = fitting(experiment, task, model)
        mappings = [name for name in experiment.mappings_of(task) if name in fit]
        for rest in product(inits, mappings, fractions, recipes):
            yield Condition(task, model, *rest)


def _baselines(experiment: Experiment) -> Iterator[Condition]:
    for task, name, fraction in product(
        experiment.tasks, experiment.baselines, experiment.fractions
    ):
        yield Condition(task, name, NONE, NONE, format_fraction(fraction), NONE)


def describe_default_mappings(experiment: Experiment) -> str:
    """Return which mappings each task has where the configuration names none, else ''."""
    if experiment.mappings is not None:
        return ""
    tasks: dict[str, list[str]] = {}
    for task in experiment.tasks:
        tasks.setdefault(" and ".join(experiment.mappings_of(task)), []).append(task)
    each = "; ".join(f"{names} for {', '.join(of_names)}" for names, of_names in tasks.items())
    return f"no 'mappings' in the configuration: {each}"


def _can_begin(experiment: Experiment, model: str, init: str) -> bool:
    """Whether a model has what an initialisation needs: a mere configuration has no weights."""
    return init in RANDOM or pretraining_domain(experiment, model) is not None


def fitting(experiment: Experiment, task: str, model: str) -> frozenset[str]:
    """Return the mappings that fit a task and a model.

    A domain with an alphabet of its own is mapped symbol by symbol; a model whose own tokenizer
    reads the domain may also take it as it is (identity). Text has no alphabet of its own.
    """
    dataset = experiment.datasets[task]
    reads = tokenizer_domain(experiment, model) == dataset.domain
    if dataset.alphabet.kind == "model":
        return TOKEN_MAPPINGS if reads else frozenset()
    return ALPHABET_MAPPINGS | {"identity"} if reads else ALPHABET_MAPPINGS


def _explain_misfit(experiment: Experiment, key: str, name: str) -> str:
    if key == "model" and not any(
        _can_begin(experiment, name, init) for init in experiment.initialisations
    ):
        return (
            f"config: initialisations: model '{name}' has no weights of its own and needs "
            "'scratch' (or 'mimetic', if it has attention): add one"
        )
    partner = "model" if key == "task" else "task"
    combinations = (
        product([name], experiment.models) if key == "task" else product(experiment.tasks, [name])
    )
    fit = sorted(set().union(*(fitting(experiment, *names) for names in combinations)))
    if not fit:
        return (
            f"config: {key}s: no listed {partner} fits {key} '{name}': text tasks need a text model"
        )
    return (
        f"config: mappings: none of {list(experiment.mappings or ())} fits {key} '{name}': add one "
        f"of {fit}"
    )
