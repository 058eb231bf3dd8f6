"""What is refused while planning is what cannot be built, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from polymath.experiment.architectures import CNN, DECODERS, known_config, missing_part
from polymath.models.build import build_classifier, is_decoder
from polymath.util.errors import PolymathError
from support.configurations import RECIPE, conditions, load, refusal
from support.families import CLASSIFIERS, CONVERTED, families

INITS = ("re-emb", "embeddings-only", "attention-only", "mlp-only", "norms-only", "mimetic",
         "first-2-layers", "first-3-layers")  # fmt: skip
DYCK = {"kind": "dyck", "symbols": 8, "length": 8}


def own(folder: Path) -> dict[str, Any]:
    return {"source": {"kind": "path", "path": str(folder)}}


@pytest.mark.parametrize("family", families([*CLASSIFIERS, *CONVERTED]))
def test_initialisations_are_refused_where_the_model_cannot_be_built(
    family: str, checkpoint: Callable[[str], Path]
) -> None:
    folder = checkpoint(family)
    config = known_config(load(models=["mine"], checkpoints={"mine": own(folder)}), "mine")
    for init in INITS:
        try:
            build_classifier(folder, init, 2, 0, None)
            is_possible = True
        except PolymathError:
            is_possible = False
        assert (missing_part(config, init) is None) == is_possible, init


def test_decoders_are_those_of_transformers() -> None:
    assert [kind for kind in DECODERS if not is_decoder(AutoConfig.for_model(kind))] == []


def test_a_refusal_names_what_to_exclude(checkpoint: Callable[[str], Path]) -> None:
    checkpoints = {"mine": own(checkpoint("bert"))}
    changes = {"tasks": ["splice"], "models": ["mine"], "checkpoints": checkpoints,
               "initialisations": ["pretrained", "first-3-layers"]}  # fmt: skip
    text = refusal(**changes)
    for words in ("'first-3-layers'", "'mine' has 2 layers", "{init: first-3-layers, model: mine}"):
        assert words in text
    rule = {"init": "first-3-layers", "model": "mine"}
    assert len(conditions(exclude=[rule], **changes)) == 1


def test_the_catalogue_tells_what_hub_models_lack() -> None:
    assert "albert" in refusal(models=["albert-base-v1"], initialisations=["first-1-layers"])
    assert "modernbert" in refusal(models=["modernbert-base"], initialisations=["embeddings-only"])


def test_the_convolutional_network_has_no_attention_and_no_other_pooling() -> None:
    assert CNN in refusal(models=["cnn"], initialisations=["scratch", "mimetic"])
    recipes = {"mean": {**RECIPE, "pooling": "mean"}}
    text = refusal(models=["cnn"], initialisations=["scratch"], recipes=recipes)
    assert "recipes: mean: pooling" in text


@pytest.mark.parametrize(
    ("base", "changes", "key"),
    [
        ({"model_type": "gpt2"}, {}, "base: 'base' is a gpt2"),
        ({"model_type": CNN}, {}, f"base: 'base' is a {CNN}"),
        ({"max_position_embeddings": 6}, {}, "synthetic: length"),
        ({}, {"symbols": 40_000}, "synthetic: symbols"),
    ],
)
def test_pretraining_that_cannot_be_done(
    base: dict[str, Any], changes: dict[str, Any], key: str
) -> None:
    synthetic = {**DYCK, **changes}
    source = {"kind": "pretrain", "base": "base", "recipe": RECIPE, "synthetic": synthetic}
    made = {"kind": "configured", "base": "minilm-l6", "config": base}
    checkpoints = {"base": {"source": made}, "made": {"source": source}}
    text = refusal(models=["made"], checkpoints=checkpoints, initialisations=["pretrained"])
    assert text.startswith(f"config: checkpoints: made: {key}")


def test_a_configured_model_has_its_own_layers(checkpoint: Callable[[str], Path]) -> None:
    checkpoints = {
        "gpt": own(checkpoint("gpt2")),
        "short": {"source": {"kind": "configured", "base": "gpt", "config": {"n_layer": 1}}},
        "foreign": {"source": {"kind": "configured", "base": "minilm-l6",
                               "config": {"model_type": "gpt2"}}},
    }  # fmt: skip
    experiment = load(models=[*checkpoints], checkpoints=checkpoints, initialisations=["scratch"])
    lacks = {name: missing_part(known_config(experiment, name), "first-2-layers")
             for name in checkpoints}  # fmt: skip
    assert lacks == {"gpt": None, "short": "has 1 layers", "foreign": None}
