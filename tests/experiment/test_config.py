"""The configuration's errors name the key and the mend; the matrix is the lists' product."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import Condition, expand_conditions, format_fraction
from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_errors import MOVED_TO_ENVIRONMENT
from polymath.experiment.datasets import PRESETS
from polymath.util.errors import PolymathError, suggest

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
RECIPE: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 8, "steps": 3}
BASE: dict[str, Any] = {
    "tasks": ["splice", "reuters"],
    "models": ["minilm-l6"],
    "recipes": {"short": RECIPE},
}
OWN: dict[str, Any] = {
    "domain": "dna",
    "source": {"kind": "path", "path": "somewhere.csv"},
    "reader": {"format": "csv", "sequence": "seq", "label": "y"},
    "alphabet": "dna",
}


def load(**changes: Any) -> Experiment:
    return load_experiment({**BASE, **changes}, RESOURCES)


def refusal(**changes: Any) -> str:
    with pytest.raises(PolymathError) as caught:
        expand_conditions(load(**changes))
    return str(caught.value)


def refusal_of_own(**changes: Any) -> str:
    return refusal(datasets={"own": {**OWN, **changes}})


def refusal_of_recipe(**changes: Any) -> str:
    return refusal(recipes={"mine": {**RECIPE, **changes}})


def conditions(**changes: Any) -> list[Condition]:
    return expand_conditions(load(**changes))


def test_the_default_configuration_is_valid() -> None:
    import yaml

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert len(expand_conditions(load_experiment(config, RESOURCES))) == 12


@pytest.mark.parametrize(("key", "variable"), MOVED_TO_ENVIRONMENT.items())
def test_a_key_that_moved_to_the_environment_names_its_variable(key: str, variable: str) -> None:
    message = refusal(**{key: 1})
    assert message.startswith(f"config: {key}: ")
    assert variable in message


# Unknown keys and values: the full path, and the nearest valid name.


def test_unknown_key_at_the_top() -> None:
    assert refusal(replicate=3) == "config: replicate: unknown key: did you mean 'replicates'?"


def test_unknown_key_of_a_recipe() -> None:
    assert refusal_of_recipe(warm_up=0.1) == (
        "config: recipes.mine.warm_up: unknown key: did you mean 'warmup'?"
    )


def test_unknown_key_of_a_reader() -> None:
    assert refusal_of_own(reader={**OWN["reader"], "delimeter": ";"}) == (
        "config: datasets.own.reader.delimeter: unknown key: did you mean 'delimiter'?"
    )


def test_unknown_key_of_a_source_is_suggested_from_the_chosen_kind_alone() -> None:
    text = refusal_of_own(source={"kind": "path", "path": "x", "membrs": ["y"]})
    assert text == "config: datasets.own.source.membrs: unknown key: valid: kind, path"


def test_unknown_key_of_a_dataset() -> None:
    assert refusal_of_own(licens="MIT") == (
        "config: datasets.own.licens: unknown key: did you mean 'licence'?"
    )


@pytest.mark.parametrize("name", ["reader", "source", "alphabet"])
def test_a_dataset_may_be_named_like_a_field(name: str) -> None:
    assert refusal(datasets={name: {**OWN, "titel": "x"}}) == (
        f"config: datasets.{name}.titel: unknown key: did you mean 'title'?"
    )


def test_unknown_key_of_an_alphabet_with_preset() -> None:
    assert refusal_of_own(alphabet={"preset": "dna", "ilegal": "drop"}) == (
        "config: datasets.own.alphabet.ilegal: unknown key: did you mean 'illegal'?"
    )


def test_unknown_key_of_a_checkpoint() -> None:
    entry = {"source": {"kind": "path", "path": "x"}, "licens": "MIT"}
    assert refusal(checkpoints={"mine": entry}) == (
        "config: checkpoints.mine.licens: unknown key: did you mean 'licence'?"
    )


def test_unknown_key_of_an_exclusion() -> None:
    assert refusal(exclude=[{"taks": "splice"}]) == (
        "config: exclude.0.taks: unknown key: did you mean 'task'?"
    )


def test_unknown_value_at_the_top() -> None:
    assert "config: initialisations.1: unknown value 'scrach': did you mean 'scratch'?" in refusal(
        initialisations=["pretrained", "scrach"]
    )


def test_unknown_value_of_a_recipe() -> None:
    assert refusal_of_recipe(schedule="lineer") == (
        "config: recipes.mine.schedule: unknown value 'lineer': did you mean 'linear'?"
    )


def test_unknown_value_of_a_reader() -> None:
    assert refusal_of_own(reader={"format": "cvs"}) == (
        "config: datasets.own.reader.format: unknown value 'cvs': did you mean 'csv'?"
    )


def test_unknown_value_of_a_source() -> None:
    assert refusal_of_own(source={"kind": "pakage", "path": "x"}) == (
        "config: datasets.own.source.kind: unknown value 'pakage': did you mean 'package'?"
    )


def test_unknown_preset() -> None:
    text = refusal_of_own(alphabet="protien")
    assert text == "config: datasets.own: alphabet 'protien' is unknown: did you mean 'protein'?"


def test_nothing_near_lists_what_is_valid() -> None:
    assert suggest("zzz", ["b", "a"]) == "valid: a, b"
    assert suggest("zzz", []) == "valid: none"


def test_every_mistake_is_told_at_once() -> None:
    lines = refusal(replicate=3, seeds=1).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["replicate", "seeds"]


# Missing keys, names and values out of range.


@pytest.mark.parametrize("key", ["tasks", "models", "recipes"])
def test_missing_key_at_the_top(key: str) -> None:
    config = {name: value for name, value in BASE.items() if name != key}
    with pytest.raises(PolymathError, match=f"^config: {key}: this key is required$"):
        load_experiment(config, RESOURCES)


def test_missing_key_inside() -> None:
    assert refusal_of_own(source={"kind": "path"}) == (
        "config: datasets.own.source.path: this key is required"
    )
    assert refusal_of_own(source={"path": "x"}) == (
        "config: datasets.own.source.kind: this key is required"
    )


def test_unknown_task() -> None:
    assert refusal(tasks=["splise"]) == (
        "config: tasks: 'splise' is not described in datasets.yaml or under 'datasets:': "
        "did you mean 'splice'?"
    )


def test_unknown_model() -> None:
    assert refusal(models=["minilm-l5"]) == (
        "config: models: 'minilm-l5' is not described in models.yaml or under 'checkpoints:': "
        "did you mean 'minilm-l6'?"
    )


def test_own_dataset_shadows_the_catalogue() -> None:
    experiment = load(datasets={"splice": {**OWN, "title": "mine"}})
    assert experiment.datasets["splice"].title == "mine"


def test_only_the_named_entries_are_kept() -> None:
    experiment = load(datasets={"own": OWN})
    assert list(experiment.datasets) == ["splice", "reuters"]


@pytest.mark.parametrize("budget", [{"epochs": 1, "steps": 3}, {"epochs": None, "steps": None}])
def test_epochs_and_steps(budget: dict[str, Any]) -> None:
    assert refusal_of_recipe(**budget) == "config: recipes.mine: give either 'epochs' or 'steps'"


def test_accumulation_must_divide_the_batch() -> None:
    assert refusal_of_recipe(accumulation=3) == (
        "config: recipes.mine: 'accumulation' must divide 'batch_size'"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "regression", "metric": "accuracy"},
        {"metric": "spearman"},
        {"type": "regression", "metric": "mcc"},
    ],
)
def test_metric_must_fit_the_type(fields: dict[str, str]) -> None:
    assert refusal_of_own(**fields).startswith(
        "config: datasets.own: metrics spearman and pearson go with type regression"
    )


def test_labels_are_for_classification() -> None:
    text = refusal_of_own(type="regression", metric="spearman", labels=["a"])
    assert "'labels' lists classes: leave it out with type regression" in text


@pytest.mark.parametrize(
    "reader", [{"format": "lines"}, {"format": "csv", "pattern": "(?P<label>.)"}]
)
def test_pattern_goes_with_lines(reader: dict[str, str]) -> None:
    assert refusal_of_own(reader=reader) == (
        "config: datasets.own.reader: 'pattern' is needed with format 'lines', and only there"
    )


def test_pattern_must_be_a_regular_expression() -> None:
    text = refusal_of_own(reader={"format": "lines", "pattern": "(?P<label>."})
    assert text.startswith("config: datasets.own.reader: 'pattern' is not a regular expression: ")


def test_split_must_leave_training_rows() -> None:
    text = refusal_of_own(split={"dev": 0.5, "test": 0.5})
    assert text.startswith("config: datasets.own.split: dev + test must leave rows for training")


@pytest.mark.parametrize("fraction", [0, 1.5, -0.1])
def test_fraction_out_of_range(fraction: float) -> None:
    text = refusal(fractions=[fraction])
    assert text.startswith("config: fractions.0: ")
    assert f"(given: {fraction!r})" in text


def test_repeated_name() -> None:
    assert refusal(tasks=["splice", "splice"]) == (
        "config: configuration: 'tasks' names something twice"
    )


def test_preset_fields_can_be_overridden() -> None:
    experiment = load(
        tasks=["own"], datasets={"own": {**OWN, "alphabet": {"preset": "dna", "illegal": "N"}}}
    )
    alphabet = experiment.datasets["own"].alphabet
    assert alphabet == PRESETS["dna"].model_copy(update={"illegal": "N"})


# The matrix.


def test_conditions_are_the_product_of_the_lists() -> None:
    recipes = {"short": RECIPE, "long": {**RECIPE, "steps": 9}}
    found = conditions(mappings=["random", "permute", "shift"], fractions=[0.1, 1], recipes=recipes)
    rest = list(product(["pretrained", "scratch"], ["0.1", "1"], ["short", "long"]))
    expected = {
        Condition(task, "minilm-l6", init, mapping, fraction, recipe)
        for task, mapping in [("splice", "random"), ("reuters", "permute"), ("reuters", "shift")]
        for init, fraction, recipe in rest
    }
    assert len(found) == len(set(found)) == 24
    assert set(found) == expected


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ([{"task": "splice"}], 4),
        ([{"task": "splice", "init": "scratch"}], 6),
        ([{"fraction": 0.1}], 4),
        ([{"fraction": 1}, {"mapping": "permute"}], 2),
        ([{"recipe": "short", "model": "minilm-l6", "fraction": 0.1, "init": "pretrained"}], 6),
    ],
)
def test_exclusions_take_away_what_matches_every_field(
    rules: list[dict[str, Any]], left: int
) -> None:
    assert len(conditions(fractions=[0.1, 1], exclude=rules)) == left


@pytest.mark.parametrize("rule", [{"task": "amp"}, {"mapping": "shift"}, {"fraction": 0.5}])
def test_exclusion_that_matches_nothing(rule: dict[str, Any]) -> None:
    assert refusal(exclude=[rule]) == (
        f"config: exclude: {rule} matches no condition: mend or remove it"
    )


def test_excluding_everything() -> None:
    assert "nothing is left to run" in refusal(exclude=[{"model": "minilm-l6"}])


def test_task_without_a_fitting_mapping() -> None:
    assert refusal(mappings=["random"]) == (
        "config: mappings: none of ['random'] fits task 'reuters': "
        "add one of ['identity', 'permute', 'shift']"
    )
    assert refusal(mappings=["identity"]) == (
        "config: mappings: none of ['identity'] fits task 'splice': "
        "add one of ['authors', 'character', 'frequency', 'random']"
    )


def test_path_and_title_of_a_condition() -> None:
    condition = Condition("splice", "minilm-l6", "scratch", "random", "0.1", "short")
    assert condition.path == (
        "task=splice/model=minilm-l6/init=scratch/mapping=random/fraction=0.1/recipe=short"
    )
    assert condition.title == "splice · minilm-l6 · scratch · random · 0.1 · short"


@pytest.mark.parametrize(("value", "text"), [(1, "1"), (1.0, "1"), (0.1, "0.1"), (0.25, "0.25")])
def test_fraction_text(value: float, text: str) -> None:
    assert format_fraction(value) == text


# Exclusions by lists and by domain.


def test_an_exclusion_takes_a_value_or_a_list() -> None:
    everything = conditions(mappings=["random", "permute", "identity"])
    left = conditions(
        mappings=["random", "permute", "identity"],
        exclude=[{"mapping": ["permute", "identity"], "init": "scratch"}],
    )
    assert set(everything) - set(left) == {
        one for one in everything
        if one.init == "scratch" and one.mapping in ("permute", "identity")
    }  # fmt: skip


def test_an_exclusion_by_domain() -> None:
    assert {one.task for one in conditions(exclude=[{"domain": "dna"}])} == {"reuters"}


# What fits what.

PROTEIN: dict[str, Any] = {**OWN, "domain": "protein", "alphabet": "protein"}
MODELS: dict[str, Any] = {
    "checkpoints": {
        "residues": {"source": {"kind": "path", "path": "x"}, "domain": "protein", "kmer": 1},
        "bare": {"source": {"kind": "configured", "base": "minilm-l6"}},
        "made": {"source": {"kind": "pretrain", "task": "splice", "base": "bare",
                            "recipe": RECIPE}},
    },
    "datasets": {"own": PROTEIN},
}  # fmt: skip


def test_text_is_read_by_text_models_alone() -> None:
    found = conditions(tasks=["own", "reuters"], models=["minilm-l6", "residues"], **MODELS)
    assert {(one.task, one.model) for one in found} == {
        ("own", "minilm-l6"), ("own", "residues"), ("reuters", "minilm-l6"),
    }  # fmt: skip


def test_identity_of_an_alphabet_is_for_in_domain_models() -> None:
    found = conditions(tasks=["own"], models=["minilm-l6", "residues"],
                       mappings=["random", "identity"], **MODELS)  # fmt: skip
    assert {(one.model, one.mapping) for one in found} == {
        ("minilm-l6", "random"), ("residues", "random"), ("residues", "identity"),
    }  # fmt: skip


def test_a_configuration_alone_can_only_begin_from_scratch() -> None:
    found = conditions(tasks=["splice"], models=["bare", "made"], **MODELS)
    assert {(one.model, one.init) for one in found} == {
        ("bare", "scratch"), ("made", "scratch"), ("made", "pretrained"),
    }  # fmt: skip
    assert "model 'bare' has no weights of its own" in refusal(
        tasks=["splice"], models=["bare"], initialisations=["pretrained"], **MODELS
    )


def test_what_a_made_model_needs_is_kept_and_not_trained() -> None:
    experiment = load(tasks=["own"], models=["made"], **MODELS)
    assert set(experiment.checkpoints) == {"minilm-l6", "bare", "made"}
    assert set(experiment.datasets) == {"own", "splice"}
    assert {one.task for one in expand_conditions(experiment)} == {"own"}


def test_a_base_that_is_not_described_is_named() -> None:
    source = {"kind": "configured", "base": "minilm-l7"}
    assert refusal(models=["mine"], checkpoints={"mine": {"source": source}}).startswith(
        "config: checkpoints: mine: base: 'minilm-l7' is not described in models.yaml or under "
        "'checkpoints:': did you mean 'minilm-l"
    )


def test_a_model_made_from_itself_is_refused() -> None:
    checkpoints = {
        "a": {"source": {"kind": "configured", "base": "b"}},
        "b": {"source": {"kind": "configured", "base": "a"}},
    }
    assert "it is made from itself" in refusal(models=["a"], checkpoints=checkpoints)


def test_baselines_are_conditions_without_a_beginning() -> None:
    found = conditions(baselines=["majority", "ngram"], fractions=[0.5, 1])
    simple = [one for one in found if one.is_baseline]
    assert len(simple) == 2 * 2 * 2
    assert {(one.init, one.mapping, one.recipe) for one in simple} == {("none", "none", "none")}


def test_a_crossed_design_counts_its_product() -> None:
    assert load(crossed={"init": 3, "mapping": 2}).runs == 6
    assert load(replicates=4).runs == 4
