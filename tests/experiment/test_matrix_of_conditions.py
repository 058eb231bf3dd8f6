"""The matrix is the product of the lists, less what is excluded and what does not fit."""

from itertools import product
from typing import Any

import pytest

from polymath.experiment.conditions import (
    Condition,
    describe_default_mappings,
    expand_conditions,
    format_fraction,
)
from polymath.experiment.requests import Requests
from polymath.util.errors import PolymathError
from support.configurations import OWN, RECIPE, conditions, load, refusal


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
    (field, value), text = next(iter(rule.items())), refusal(exclude=[rule])
    assert text.startswith("config: exclude: ")
    assert f"no condition has the {field} '{value}': valid: " in text


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ({"task": ["splice", "reutters"]}, ["task 'reutters'", "did you mean 'reuters'?"]),
        ({"fraction": [0.1, 0.2]}, ["fraction '0.2'", "did you mean '0.1'?"]),
        ({"domain": ["dna", "protein"]}, ["domain 'protein'", "valid: dna, text"]),
        ({"mapping": "permute", "task": "splice"}, ["matches no condition: fix or remove it"]),
    ],
)  # fmt: skip
def test_every_value_of_an_exclusion_is_that_of_a_condition(
    rule: dict[str, Any], parts: list[str]
) -> None:
    text = refusal(fractions=[0.1, 1], exclude=[rule])
    assert text.startswith("config: exclude: ")
    assert all(part in text for part in parts)


def test_excluding_everything() -> None:
    text = refusal(exclude=[{"model": "minilm-l6"}])
    assert text.startswith("config: exclude: every condition ")


@pytest.mark.parametrize(
    ("mapping", "task", "fitting"),
    [
        ("random", "reuters", ["identity", "permute", "shift"]),
        ("identity", "splice", ["authors", "character", "frequency", "random"]),
    ],
)
def test_task_without_a_fitting_mapping(mapping: str, task: str, fitting: list[str]) -> None:
    text = refusal(mappings=[mapping])
    assert text.startswith("config: mappings: ")
    assert f"'{task}'" in text
    assert text.endswith(f"add one of {fitting}")


def test_without_mappings_text_is_read_as_it_is_and_permuted_and_anything_else_at_random() -> None:
    experiment = load(mappings=None)
    of_task = {(c.task, c.mapping) for c in expand_conditions(experiment)}
    assert of_task == {("splice", "random"), ("reuters", "identity"), ("reuters", "permute")}
    assert describe_default_mappings(experiment).endswith(
        "random for splice; identity and permute for reuters"
    )
    assert describe_default_mappings(load()) == ""


def test_path_and_title_of_a_condition() -> None:
    condition = Condition("splice", "minilm-l6", "scratch", "random", "0.1", "short")
    assert condition.path == (
        "task=splice/model=minilm-l6/init=scratch/mapping=random/fraction=0.1/recipe=short"
    )
    assert condition.title == "splice · minilm-l6 · scratch · random · 0.1 · short"


@pytest.mark.parametrize(("value", "text"), [(1, "1"), (1.0, "1"), (0.1, "0.1"), (0.25, "0.25")])
def test_fraction_text(value: float, text: str) -> None:
    assert format_fraction(value) == text


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


def test_a_configuration_alone_can_begin_mimetic() -> None:
    inits = ["pretrained", "scratch", "mimetic", "first-1-layers"]
    expanded = conditions(tasks=["splice"], models=["bare"], initialisations=inits, **MODELS)
    assert {condition.init for condition in expanded} == {"scratch", "mimetic"}


def test_more_first_layers_than_a_model_is_known_to_have() -> None:
    changes = {"tasks": ["splice"], "models": ["minilm-l3"],
               "initialisations": ["first-2-layers", "first-4-layers"]}  # fmt: skip
    text = refusal(**changes)
    for words in ("initialisations: 'first-4-layers'", "'minilm-l3' has 3 layers", "exclude"):
        assert words in text
    assert len(conditions(exclude=[{"init": "first-4-layers"}], **changes)) == 1


def test_pretraining_goes_on_only_from_weights_that_there_are() -> None:
    made = {"kind": "pretrain", "task": "splice", "base": "bare", "recipe": RECIPE}
    checkpoints = {**MODELS["checkpoints"], "made": {"source": {**made, "init": "pretrained"}}}
    text = refusal(models=["made"], checkpoints=checkpoints)
    assert text.startswith("config: checkpoints: made: init: its base 'bare' has no weights")
    weights = {"kind": "path", "path": "x"}
    bare = {"source": {"kind": "configured", "base": "minilm-l6", "weights": weights}}
    assert conditions(tasks=["splice"], models=["made"], checkpoints={**checkpoints, "bare": bare})


def test_what_a_made_model_needs_is_kept_and_not_trained() -> None:
    experiment = load(tasks=["own"], models=["made"], **MODELS)
    assert set(experiment.checkpoints) == {"minilm-l6", "bare", "made"}
    assert set(experiment.datasets) == {"own", "splice"}
    assert {one.task for one in expand_conditions(experiment)} == {"own"}


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


def test_orders_multiply_recipes_and_a_test_on_shuffled_input_has_no_training() -> None:
    orders = ["as-is", "shuffled-input", "shuffled-training"]
    experiment = load(input_orders=orders)
    conditions = expand_conditions(experiment)
    assert len(conditions) == 3 * len(expand_conditions(load()))
    by_order = {c.input_order: c for c in conditions if c.init == "scratch" and c.task == "splice"}
    assert [*by_order] == orders
    own, tested, trained = by_order.values()
    assert own.recipe == "short"
    assert {c.base_recipe for c in by_order.values()} == {"short"}
    assert [c.is_trained for c in by_order.values()] == [True, False, True]
    assert (tested.trained, trained.trained) == (own, trained)
    requests = Requests(experiment)
    assert requests.training(tested) == requests.training(own)
    assert requests.training(own) == Requests(load()).training(own), "results stay valid"
    assert requests.training_job(trained)["recipe"] == requests.training_job(own)["recipe"]
    paths = {request.path for request in requests.all(conditions)}
    assert requests.paths.predictions(tested) in paths
    assert requests.paths.curves(tested) not in paths


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_orders": ["shuffled-input"]}, "list as-is too"),
        ({"input_orders": ["as-is", "as-is"]}, "'input_orders' names something twice"),
        ({"input_orders": ["as-is", "shuffeld-input"]}, "did you mean 'shuffled-input'"),
        (
            {
                "input_orders": ["as-is", "shuffled-input"],
                "exclude": [{"task": "splice", "input_order": "as-is"}],
            },
            "splice.*short, which is excluded.*input_order: shuffled-input",
        ),
    ],
)
def test_a_senseless_order_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PolymathError, match=message):
        expand_conditions(load(**changes))


def test_an_exclusion_of_a_recipe_is_of_all_its_orders() -> None:
    recipes = {"short": RECIPE, "long": {**RECIPE, "steps": 9}}
    changes: dict[str, Any] = {"recipes": recipes, "input_orders": ["as-is", "shuffled-input"]}
    kept = expand_conditions(load(**changes, exclude=[{"recipe": "long"}]))
    assert {c.recipe for c in kept} == {"short", "short+shuffled-input"}
    kept = expand_conditions(load(**changes, exclude=[{"input_order": "shuffled-input"}]))
    assert {c.recipe for c in kept} == {"short", "long"}
