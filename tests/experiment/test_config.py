"""The configuration's errors name the key and the mend; the matrix is the lists' product."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import (
    Condition,
    describe_default_mappings,
    expand_conditions,
    format_fraction,
)
from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_errors import MOVED_TO_ENVIRONMENT
from polymath.experiment.config_files import read_config
from polymath.experiment.datasets import PRESETS
from polymath.experiment.ignored_keys import ignored_keys
from polymath.experiment.requests import Requests
from polymath.util.errors import PolymathError, suggest

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
RECIPE: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 8, "steps": 3}
BASE: dict[str, Any] = {
    "tasks": ["splice", "reuters"],
    "models": ["minilm-l6"],
    "mappings": ["random", "permute"],
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


def own(**changes: Any) -> dict[str, Any]:
    """Return the configuration of a data set of the user's own."""
    return {"datasets": {"own": {**OWN, **changes}}}


def recipe(**changes: Any) -> dict[str, Any]:
    return {"recipes": {"mine": {**RECIPE, **changes}}}


def model(**changes: Any) -> dict[str, Any]:
    return {"checkpoints": {"mine": {"source": {"kind": "path", "path": "x"}, **changes}}}


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


READER, READER_KEY = OWN["reader"], "datasets.own.reader"
UNKNOWN_KEYS: list[tuple[dict[str, Any], str, str]] = [
    ({"replicate": 3}, "replicate", "replicates"),
    (recipe(warm_up=0.1), "recipes.mine.warm_up", "warmup"),
    (own(reader={**READER, "delimeter": ";"}), f"{READER_KEY}.delimeter", "delimiter"),
    (own(licens="MIT"), "datasets.own.licens", "licence"),
    (own(alphabet={"preset": "dna", "ilegal": "x"}), "datasets.own.alphabet.ilegal", "illegal"),
    (model(licens="MIT"), "checkpoints.mine.licens", "licence"),
    ({"exclude": [{"taks": "splice"}]}, "exclude.0.taks", "task"),
    # A data set may be named like a field.
    *(({"datasets": {name: {**OWN, "titel": "x"}}}, f"datasets.{name}.titel", "title")
      for name in ("reader", "source", "alphabet")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "nearest"), UNKNOWN_KEYS)
def test_an_unknown_key_is_named_with_the_nearest(
    changes: dict[str, Any], place: str, nearest: str
) -> None:
    assert refusal(**changes) == f"config: {place}: unknown key: did you mean '{nearest}'?"


def test_keys_of_a_source_are_suggested_from_the_chosen_kind_alone() -> None:
    text = refusal(**own(source={"kind": "path", "path": "x", "membrs": ["y"]}))
    assert text == "config: datasets.own.source.membrs: unknown key: valid: kind, path"


@pytest.mark.parametrize(
    ("changes", "place", "value", "nearest"),
    [
        ({"initialisations": ["pretrained", "scrach"]}, "initialisations.1", "scrach", "scratch"),
        (
            {"initialisations": ["first-0-layers"]},
            "initialisations.0",
            "first-0-layers",
            "first-2-layers",
        ),
        (recipe(schedule="lineer"), "recipes.mine.schedule", "lineer", "linear"),
        (own(reader={"format": "cvs"}), f"{READER_KEY}.format", "cvs", "csv"),
        (own(source={"kind": "pakage"}), "datasets.own.source.kind", "pakage", "package"),
    ],
)
def test_an_unknown_value_is_named_with_the_nearest(
    changes: dict[str, Any], place: str, value: str, nearest: str
) -> None:
    expected = f"config: {place}: unknown value '{value}': did you mean '{nearest}'?"
    assert expected in refusal(**changes)


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
    for source, key in (({"kind": "path"}, "path"), ({"path": "x"}, "kind")):
        expected = f"config: datasets.own.source.{key}: this key is required"
        assert refusal(**own(source=source)) == expected


@pytest.mark.parametrize(
    ("changes", "key", "name", "nearest"),
    [
        ({"tasks": ["splise"]}, "tasks", "splise", "splice"),
        ({"models": ["minilm-l5"]}, "models", "minilm-l5", "minilm-l6"),
        ({"models": ["mine"], **model(source={"kind": "configured", "base": "minilm-l7"})},
         "checkpoints: mine: base", "minilm-l7", "minilm-l"),
    ],
)  # fmt: skip
def test_a_name_that_is_described_nowhere(
    changes: dict[str, Any], key: str, name: str, nearest: str
) -> None:
    text = refusal(**changes)
    assert text.startswith(f"config: {key}: '{name}' is not described in ")
    assert f"did you mean '{nearest}" in text


def test_own_dataset_shadows_the_catalogue() -> None:
    experiment = load(datasets={"splice": {**OWN, "title": "mine"}})
    assert experiment.datasets["splice"].title == "mine"


def test_only_the_named_entries_are_kept() -> None:
    experiment = load(datasets={"own": OWN})
    assert list(experiment.datasets) == ["splice", "reuters"]


@pytest.mark.parametrize(
    ("changes", "place", "keys"),
    [
        *((recipe(**budget), "recipes.mine", ["'epochs'", "'steps'"])
          for budget in ({"epochs": 1, "steps": 3}, {"epochs": None, "steps": None})),
        (recipe(accumulation=3), "recipes.mine", ["'accumulation'", "'batch_size'"]),
        *((own(**fields), "datasets.own", ["metric", "use one of", "'type'"])
          for fields in ({"type": "regression", "metric": "accuracy"}, {"metric": "spearman"},
                         {"type": "regression", "metric": "mcc"})),
        (own(type="regression", labels=["a"]), "datasets.own", ["'labels'"]),
        (own(alphabet="protien"), "datasets.own", ["'protien'", "'protein'"]),
        *((own(reader=reader), READER_KEY, ["'pattern'", "'lines'"])
          for reader in ({"format": "lines"}, {"format": "csv", "pattern": "(?P<label>.)"})),
        (own(reader={"format": "lines", "pattern": "(?P<label>."}), READER_KEY, ["'pattern'"]),
        (own(split={"dev": 0.5, "test": 0.5}), "datasets.own.split", ["dev", "test"]),
        *(({"fractions": [value]}, "fractions.0", [repr(value)]) for value in (0, 1.5, -0.1)),
        ({"tasks": ["splice", "splice"]}, "configuration", ["'tasks'"]),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused_where_they_are(
    changes: dict[str, Any], place: str, keys: list[str]
) -> None:
    where, _, what = refusal(**changes).removeprefix("config: ").partition(": ")
    assert where == place
    assert all(key in what for key in keys)


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


# Names that would stand for two things.


@pytest.mark.parametrize("name", ["own", "none", "ngram", "majority"])
def test_a_reserved_name_of_a_model(name: str) -> None:
    checkpoints = {name: {"source": {"kind": "path", "path": "x"}, "domain": "dna"}}
    text = refusal(models=[name], checkpoints=checkpoints)
    assert text.startswith(f"config: models: '{name}' is reserved")


def test_fractions_of_one_text() -> None:
    assert "config: fractions: two are 0.123457" in refusal(fractions=[0.1234567, 0.12345671])


@pytest.mark.parametrize("illegal", ["dorp", "Drop", "ERROR"])
def test_a_misspelt_treatment_of_illegal_symbols(illegal: str) -> None:
    text = refusal(**own(alphabet={"preset": "dna", "illegal": illegal}))
    assert f"'{illegal}'" in text
    assert "'drop'" in text


@pytest.mark.parametrize("key", ["header", "separator"])
def test_a_former_key_of_fasta_names_what_replaces_it(key: str) -> None:
    text = refusal(**own(reader={"format": "fasta", key: "x"}))
    assert text.startswith(f"config: datasets.own.reader: '{key}' ")
    assert "'columns'" in text


@pytest.mark.parametrize(
    ("changes", "place", "parts"),
    [
        ({"tasks": "splice"}, "tasks", ["a list", "[splice]", "tasks=["]),
        ({"models": ["MiniLM-L3"]}, "models.0", ["'minilm-l3'"]),
        (own(labels=["SE", 0]), "datasets.own.labels.1", ["quotes", "0"]),
        ({"replicates": "many"}, "replicates", ["whole number", "'many'"]),
        ({"keep_models": "perhaps"}, "keep_models", ["true or false"]),
        ({"datasets": ["x"]}, "datasets", ["keys and values"]),
    ],
)
def test_errors_are_in_the_users_words(
    changes: dict[str, Any], place: str, parts: list[str]
) -> None:
    text = refusal(**changes)
    assert text.startswith(f"config: {place}: ")
    assert all(part in text for part in parts)
    assert "Input should" not in text


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


def test_a_configuration_alone_can_begin_mimetic() -> None:
    inits = ["pretrained", "scratch", "mimetic", "first-1-layers"]
    expanded = conditions(tasks=["splice"], models=["bare"], initialisations=inits, **MODELS)
    assert {condition.init for condition in expanded} == {"scratch", "mimetic"}


def test_more_first_layers_than_a_model_is_known_to_have() -> None:
    inits = ["first-2-layers", "first-4-layers"]
    with pytest.raises(PolymathError) as error:
        conditions(tasks=["splice"], models=["minilm-l3"], initialisations=inits)
    for words in ("initialisations: 'first-4-layers'", "'minilm-l3' has 3 layers", "exclude"):
        assert words in str(error.value)
    rule = {"init": "first-4-layers"}
    changes = {"tasks": ["splice"], "models": ["minilm-l3"], "initialisations": inits}
    assert len(conditions(exclude=[rule], **changes)) == 1 + len(load(**changes).baselines)


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


@pytest.mark.parametrize("results", ["~/results", "~", "a{b}", "a$b"])
def test_a_folder_of_results_that_would_be_read_otherwise(results: str) -> None:
    text = refusal(results=results)
    assert text.startswith("config: results: ")
    assert results in text


# Bounds.


@pytest.mark.parametrize(
    ("changes", "place", "bound"),
    [
        (recipe(steps=10**7 + 1), "recipes.mine.steps", "10000000"),
        (recipe(steps=None, epochs=10_001), "recipes.mine.epochs", "10000"),
        (recipe(batch_size=100_001), "recipes.mine.batch_size", "100000"),
        (recipe(evaluations=10_001), "recipes.mine.evaluations", "10000"),
        (recipe(learning_rate=1), "recipes.mine.learning_rate", "1"),
        (recipe(learning_rate=[0.1, 7]), "recipes.mine.learning_rate.1", "1"),
        (recipe(weight_decay=1_001), "recipes.mine.weight_decay", "1000"),
        (recipe(rate_replicates=1_001), "recipes.mine.rate_replicates", "1000"),
        (recipe(lora_rank=10_001), "recipes.mine.lora_rank", "10000"),
        ({"replicates": 10_001}, "replicates", "10000"),
        ({"replicates": 10**12}, "replicates", "10000"),
        ({"crossed": {"init": 10_001}}, "crossed.init", "10000"),
        ({"shift": 10**7 + 1}, "shift", "10000000"),
        ({"probes": {"draws": 10_001}}, "probes.draws", "10000"),
        ({"representations": {"tokens": 10**7 + 1}}, "representations.tokens", "10000000"),
        (own(max_length=10**6 + 1), "datasets.own.max_length", "1000000"),
        (own(reader={**READER, "skip_lines": [0]}), f"{READER_KEY}.skip_lines.0", "1"),
    ],
)
def test_a_number_beyond_its_bound_is_refused_with_the_bound(
    changes: dict[str, Any], place: str, bound: str
) -> None:
    text = refusal(**changes)
    assert text.startswith(f"config: {place}: must be ")
    assert f" {bound} (value: " in text
    assert len(text.splitlines()) == 1


def test_crossed_streams_have_a_bound_together() -> None:
    text = refusal(crossed={"init": 200, "order": 51})
    assert "'crossed' makes 10,200 runs" in text
    assert "10,000" in text


# Keys without an effect.

IGNORED: list[tuple[dict[str, Any], str | None]] = [
    ({"replicates": 5, "crossed": {"init": 2, "order": 3}}, "replicates: 5 is ignored.* 6 runs"),
    ({"crossed": {"init": 2}}, None),
    ({"shift": 7}, "shift is ignored"),
    ({"shift": 7, "mappings": ["random", "shift"]}, None),
    (recipe(lora_rank=4), "recipes.mine.lora_rank is ignored"),
    (recipe(lora_rank=4, tuning="lora"), None),
    ({"tasks": ["own"], **own(type="regression"), **recipe(class_weights="balanced")},
     "recipes.mine.class_weights is ignored"),
    (recipe(class_weights="balanced"), None),
    ({"probes": {"replicates": 4}, "replicates": 2}, "probes.replicates: 2 are probed"),
    ({"tasks": ["own"], **own(alphabet={"kind": "character", "k": 4})},
     "datasets.own.alphabet.k is ignored.*kmer"),
    ({"tasks": ["own"], **own(alphabet={"preset": "pitch", "separator": "-"})}, None),
    ({"tasks": ["own"], **own(reader={**READER, "split_names": {"a": "train"}})},
     "datasets.own.reader.split_names is ignored"),
    ({"tasks": ["own"], **own(windows={"size": 512, "stride": 512})},
     "datasets.own.windows.size: of 512 symbols per window, the first 128 are read"),
    ({"tasks": ["own"], **own(windows={"size": 512, "stride": 9}, max_length=512)}, None),
]  # fmt: skip


SELF_MODEL = {"itself": {"source": {"kind": "pretrain", "task": "self", "base": "minilm-l3",
                                    "recipe": RECIPE}}}  # fmt: skip
IGNORED += [
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL},
     "checkpoints.itself.mapping: .* splice .* add character"),
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["character"]}, None),
    ({"tasks": ["reuters"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["identity"]}, None),
    ({"tasks": ["splice"], "models": ["itself"], "checkpoints": SELF_MODEL,
      "mappings": ["character"], "initialisations": ["scratch"]},
     "checkpoints.itself: its pre-training is of no use"),
]  # fmt: skip


def test_two_models_of_a_tasks_own_cannot_have_one_name() -> None:
    """As the checkpoints of 'a' on 'b.c' and of 'a.b' on 'c'."""
    changes = {
        "tasks": ["b.c", "c"],
        "models": ["a", "a.b"],
        "datasets": {"b.c": OWN, "c": OWN},
        "checkpoints": {"a": SELF_MODEL["itself"], "a.b": SELF_MODEL["itself"]},
    }
    assert "a.b.c" in refusal(**changes)


@pytest.mark.parametrize(("changes", "pattern"), IGNORED)
def test_keys_that_have_no_effect_are_named(changes: dict[str, Any], pattern: str | None) -> None:
    lines = list(ignored_keys(load(**changes)))
    assert len(lines) == (pattern is not None)
    assert all(re.match(str(pattern), line) for line in lines)


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *(RESOURCES / "experiments").glob("*")])
def test_no_experiment_of_ours_has_a_key_without_effect(path: Path) -> None:
    experiment = load_experiment(read_config(path), RESOURCES)
    assert [line for line in ignored_keys(experiment) if not line.startswith("replicates")] == []


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
