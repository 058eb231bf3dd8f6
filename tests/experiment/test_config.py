"""The configuration's errors name the key and the mend."""

import re
from typing import Any

import pytest

from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.config_errors import MOVED_TO_ENVIRONMENT
from polymath.experiment.datasets import PRESETS
from polymath.util.errors import PolymathError, suggest
from support import ROOT
from support.configurations import (
    BASE,
    OWN,
    READER,
    READER_KEY,
    RESOURCES,
    SELF_MODEL,
    load,
    model,
    own,
    recipe,
    refusal,
)


def test_the_default_configuration_is_valid() -> None:
    import yaml

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert len(expand_conditions(load_experiment(config, RESOURCES))) == 12


@pytest.mark.parametrize(("key", "variable"), MOVED_TO_ENVIRONMENT.items())
def test_a_key_that_moved_to_the_environment_names_its_variable(key: str, variable: str) -> None:
    message = refusal(**{key: 1})
    assert message.startswith(f"config: {key}: ")
    assert variable in message


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
        *((own(alphabet={"preset": "dna", "illegal": misspelt}), "datasets.own.alphabet",
           [f"'{misspelt}'", "'drop'"]) for misspelt in ("dorp", "Drop", "ERROR")),
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


# Names that would stand for two things.


@pytest.mark.parametrize("name", ["own", "none", "ngram", "majority"])
def test_a_reserved_name_of_a_model(name: str) -> None:
    checkpoints = {name: {"source": {"kind": "path", "path": "x"}, "domain": "dna"}}
    text = refusal(models=[name], checkpoints=checkpoints)
    assert text.startswith(f"config: models: '{name}' is reserved")


def test_fractions_of_one_text() -> None:
    assert "config: fractions: two are 0.123457" in refusal(fractions=[0.1234567, 0.12345671])


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


def test_two_models_of_a_tasks_own_cannot_have_one_name() -> None:
    """As the checkpoints of 'a' on 'b.c' and of 'a.b' on 'c'."""
    changes = {
        "tasks": ["b.c", "c"],
        "models": ["a", "a.b"],
        "datasets": {"b.c": OWN, "c": OWN},
        "checkpoints": {"a": SELF_MODEL["itself"], "a.b": SELF_MODEL["itself"]},
    }
    assert "a.b.c" in refusal(**changes)


# Values that YAML or pydantic would take for others, and numbers beyond sense.


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"replicates": True}, "replicates"),
        ({"seed": False}, "seed"),
        ({"fractions": [True]}, "fractions"),
        ({"crossed": {"init": True}}, "crossed"),
        (recipe(steps=True), "recipes.mine.*steps"),
        (recipe(batch_size=True), "recipes.mine.*batch_size"),
        ({"crossed": {"init": 10**12}}, "crossed"),
        ({"shift": 10**26}, "shift"),
        ({"seed": 2**70}, "seed"),
    ],
)
def test_booleans_and_absurd_numbers_are_refused(changes: dict[str, Any], pattern: str) -> None:
    assert re.search(pattern, refusal(**changes))


@pytest.mark.parametrize("value", ["true", "yes", 1, 0.0, [True]])
def test_a_switch_is_true_or_false(value: object) -> None:
    assert "keep_models: must be true or false" in refusal(keep_models=value)
    assert load(keep_models=True).keep_models
