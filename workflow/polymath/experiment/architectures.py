"""What is known of models before they are fetched, and what it rules out.

Only what is certain is refused here. The rest is found when a model is built.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polymath.experiment.config import Experiment
from polymath.experiment.initialisations import first_layers
from polymath.experiment.lineage import pretrained_here
from polymath.experiment.reading_limit import positions_in
from polymath.experiment.sources import ConfiguredSource, PathSource, PretrainSource
from polymath.util.user_folders import expand_home

Config = Mapping[str, Any]
# Names of transformers' kinds of model (`model_type`).
CNN = "polymath-cnn"
SHARING_LAYERS = frozenset({"albert"})
WITHOUT_TABLES = frozenset({"modernbert", "modernbert-decoder", "eurobert", "llama"})
DECODERS = frozenset(
    {"bloom", "gemma", "gemma2", "gpt2", "gpt_neo", "gpt_neox", "gptj", "llama", "mistral",
     "modernbert-decoder", "opt", "phi", "qwen2", "qwen3"}
)  # fmt: skip
NOT_OF_CNN = {
    "attention-only": "attention",
    "mimetic": "attention",
    "mlp-only": "feed-forward parts",
    "embeddings-only": "table of positions or token types",
}
LAYERS = ("num_hidden_layers", "n_layers", "n_layer")  # as families call their number


def known_config(experiment: Experiment, model: str) -> Config:
    """Return what is known of a model's config.json before anything is fetched."""
    entry = experiment.checkpoints[model]
    stated: dict[str, Any] = {}
    if entry.size is not None:
        stated |= {LAYERS[0]: entry.size.layers, "vocab_size": entry.size.vocabulary}
    if entry.model_type is not None:
        stated["model_type"] = entry.model_type
    match entry.source:
        case PathSource(path=path):
            return _changed(stated, _read(expand_home(path) / "config.json"))
        case PretrainSource(base=base):
            return known_config(experiment, base)
        case ConfiguredSource(base=base, config=changes):
            inherited = known_config(experiment, base)
            is_other = changes.get("model_type", inherited.get("model_type")) != inherited.get(
                "model_type"
            )
            # Which values another kind of model keeps, only transformers tells.
            return _changed(stated if is_other else {**inherited, **stated}, changes)
        case _:
            return stated


def missing_part(config: Config, init: str) -> str | None:
    """Return what a model is known to lack for an initialisation, as "has 3 layers"; else None."""
    kind, count = config.get("model_type"), first_layers(init)
    if kind == CNN and init in NOT_OF_CNN:
        return f"is a {CNN} and has no {NOT_OF_CNN[init]}"
    if kind == "esm" and config.get("position_embedding_type") == "rotary":
        kind = "rotary esm"
    if init == "embeddings-only" and (kind in WITHOUT_TABLES or kind == "rotary esm"):
        return f"is a {kind} and has no table of positions or token types"
    if init == "mimetic" and _shares_keys(config):
        return "has fewer heads of keys than of queries, and no square matrices"
    if count is None:
        return None
    if kind in SHARING_LAYERS:
        return f"is an {kind}, whose layers share their weights"
    depth = next((config[name] for name in LAYERS if config.get(name) is not None), None)
    return f"has {depth} layers" if isinstance(depth, int) and count > depth else None


def pooling_has_no_meaning(config: Config) -> bool:
    """Whether a model's head is known to read more than the last hidden states."""
    return config.get("model_type") == CNN


def pretraining_problem(experiment: Experiment) -> str | None:
    """Return the first known reason why a model cannot be pre-trained here, with its key in the
    configuration and the remedy; None if none.
    """
    for name, source in pretrained_here(experiment).items():
        base = known_config(experiment, source.base)
        reason = _base_problem(source, base) or _synthetic_problem(source, base)
        if reason:
            return f"checkpoints: {name}: {reason}"
    return None


def _base_problem(source: PretrainSource, base: Config) -> str | None:
    kind = base.get("model_type")
    if kind not in DECODERS and kind != CNN:
        return None
    why = "has no masked language model" if kind == CNN else "reads left to right alone"
    return (
        f"base: '{source.base}' is a {kind}, which {why}: masked language modelling needs an "
        "encoder as 'base'"
    )


def _synthetic_problem(source: PretrainSource, base: Config) -> str | None:
    data, positions, tokens = source.synthetic, positions_in(base), base.get("vocab_size")
    if data is None:
        return None
    if positions is not None and data.length > positions:
        return (
            f"synthetic: length: {data.length:,} symbols are more than the {positions:,} positions "
            f"of '{source.base}': lower it"
        )
    if isinstance(tokens, int) and data.symbols > tokens:
        return (
            f"synthetic: symbols: {data.symbols:,} are more than the {tokens:,} tokens of "
            f"'{source.base}': lower it"
        )
    return None


def _shares_keys(config: Config) -> bool:
    of_keys, heads = (config.get(f"num_{name}_heads") for name in ("key_value", "attention"))
    return of_keys is not None and heads is not None and of_keys != heads


def _changed(base: Config, changes: Config) -> Config:
    """Return a configuration with changes; a number of layers replaces it under any name."""
    renamed = any(name in changes for name in LAYERS)
    kept = {name: value for name, value in base.items() if not (renamed and name in LAYERS)}
    return {**kept, **changes}


def _read(path: Path) -> Config:
    """Return a config.json; nothing of one that is absent or damaged, which is refused later."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
