"""Build a classifier under an initialisation, for any model that transformers can load as one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging

import polymath.models.cnn  # noqa: F401, registers it with transformers' Auto classes
from polymath.experiment.initialisations import RANDOM
from polymath.models.initialisation import initialise
from polymath.util.errors import PolymathError, first_line
from polymath.util.remedies import remedy_for

# Its reports of new head tensors and its progress bars would hide our log.
logging.set_verbosity_error()
logging.disable_progress_bar()
MOST_PARAMETERS = 20 * 10**9  # 80 GB in fp32
# What some kinds of model cannot be built as, and what to do.
IMPOSSIBLE = {
    AutoModelForSequenceClassification: "sequence classifier: choose another model",
    AutoModelForMaskedLM: "masked language model, as it has no mask token or reads left to right "
    "alone: choose an encoder as 'base'",
}
CENTRE = "polymath_centre"  # in the config.json of a trained model; see `rescale_output`
PADDING_TOLERANCE = 1e-3  # of logits in fp32


# Returns the tensors that a model takes from a folder's checkpoint, by the model's names.
WeightReader = Callable[[PreTrainedModel, Path], dict[str, torch.Tensor]]


def build_classifier(
    folder: Path,
    init: str,
    outputs: int,
    seed: int,
    dropout: float | None,
    read_weights: WeightReader | None = None,
) -> PreTrainedModel:
    """Return a sequence classifier in fp32.

    Every tensor is first drawn from `seed` as the model's configuration says. Then those that the
    initialisation takes from the checkpoint are replaced (see `initialise`), so that all
    initialisations of one replicate share the same new classification head.

    Args:
        folder: with config.json and, except for `scratch` and `mimetic`, model.safetensors.
        outputs: classes, or 1 for regression.
        dropout: replaces all dropout rates of the configuration; None keeps them.
        read_weights: reads the checkpoint; default `read_checkpoint`.

    Raises:
        PolymathError: if the folder's model cannot be built, or its weights do not cover
            the encoder.
    """
    kind = AutoModelForSequenceClassification
    model = build_model(kind, folder, init, seed, dropout, read_weights, num_labels=outputs)
    if is_decoder(model.config):
        _require_padding_is_ignored(model, folder)
    return model


def is_decoder(config: PretrainedConfig) -> bool:
    """Whether a kind of model is a causal language model and no masked one."""
    kind = type(config)
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING


def build_model(
    kind: type,
    folder: Path,
    init: str,
    seed: int,
    dropout: float | None,
    read_weights: WeightReader | None = None,
    **changes: object,
) -> PreTrainedModel:
    """Return a model of one of transformers' AutoModel classes; see `build_classifier`.

    Args:
        changes: values to set in its configuration.
    """
    with _odd_values_named(folder):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        config.update(changes)
        _prepare_decoder(config)
    if dropout is not None:
        for name, value in config.to_dict().items():
            is_rate = "dropout" in name or name.endswith("pdrop")  # as GPT-2 calls it
            if is_rate and isinstance(value, float | int) and not isinstance(value, bool):
                setattr(config, name, dropout)
    if type(config) not in kind._model_mapping:  # type: ignore[attr-defined]
        raise PolymathError(
            f"{folder}: in transformers a {config.model_type} model is no {IMPOSSIBLE[kind]}"
        )
    _require_possible(kind, config, folder)
    torch.manual_seed(seed)
    with _odd_values_named(folder):
        model: PreTrainedModel = kind.from_config(config, dtype=torch.float32)  # type: ignore[attr-defined]
    checkpoint = {} if init in RANDOM else (read_weights or read_checkpoint)(model, folder)
    initialise(model, init, checkpoint, seed)
    _require_runnable(model, folder)
    return model


def _prepare_decoder(config: PretrainedConfig) -> None:
    """Give a decoder a padding token if it has none, its token for the end as usual, and no cache.

    transformers' classifiers read the last position that holds another token.
    """
    if not is_decoder(config):
        return
    config.use_cache = False  # of keys and values, for generation
    end = getattr(config, "eos_token_id", None)
    if getattr(config, "pad_token_id", None) is None and end is not None:
        config.pad_token_id = end[0] if isinstance(end, list) else end


def _require_possible(kind: Any, config: PretrainedConfig, folder: Path) -> None:
    """Refuse a model that cannot be built or is too large, by building it without memory."""
    with _odd_values_named(folder), torch.device("meta"):
        count = sum(value.numel() for value in kind.from_config(config).parameters())
    if count > MOST_PARAMETERS:
        raise PolymathError(
            f"{folder}: config.json describes {count / 1e9:,.0f} billion parameters, and at most "
            f"{MOST_PARAMETERS / 1e9:.0f} billion are built: check its sizes"
        )


def _require_runnable(model: PreTrainedModel, folder: Path) -> None:
    """Refuse a model that takes no short sequence: odd values of config.json may matter then."""
    tokens = torch.zeros(1, 3, dtype=torch.long)
    with _odd_values_named(folder), on_trial(model):
        model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits  # noqa: B018


def _require_padding_is_ignored(model: PreTrainedModel, folder: Path) -> None:
    """Refuse a model whose logits change with padding after a sequence: it reads another position,
    or needs padding before.
    """
    padding = model.config.pad_token_id
    if padding is None:  # refused where the tokens are encoded
        return
    own = [token for token in range(3) if token != padding][:2]
    tokens = torch.tensor([[*own, padding, padding]])
    mask = torch.tensor([[1, 1, 0, 0]])
    with _odd_values_named(folder), on_trial(model):
        alone = model(input_ids=tokens[:, :2], attention_mask=mask[:, :2]).logits
        padded = model(input_ids=tokens, attention_mask=mask).logits
    if not torch.allclose(alone, padded, rtol=0, atol=PADDING_TOLERANCE, equal_nan=True):
        raise PolymathError(
            f"{folder}: the logits of a {model.config.model_type} model depend on the padding "
            "after a sequence: choose another model"
        )


@contextmanager
def on_trial(model: PreTrainedModel) -> Iterator[None]:
    """Leave a model as it was after it has been given short sequences, in evaluation mode."""
    mode, encoder = model.training, model.base_model
    attention = getattr(encoder, "attention_type", None)
    model.eval()
    with torch.no_grad():
        yield
    if hasattr(encoder, "set_attention_type"):  # BigBird's is full from its first short sequence on
        encoder.set_attention_type(attention)
    model.train(mode)


@contextmanager
def _odd_values_named(folder: Path) -> Iterator[None]:
    """Name the model's folder in whatever transformers makes of odd values in its config.json,
    unless the error is of the machine.
    """
    try:
        yield
    except Exception as error:
        if remedy_for(error):
            raise
        raise PolymathError(
            f"{folder}: no model that transformers can build and run: {type(error).__name__}: "
            f"{first_line(error)}: check its config.json, or get the model's files again"
        ) from None


def read_checkpoint(model: PreTrainedModel, folder: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a model that a folder's checkpoint has, by the model's names.

    Raises:
        PolymathError: if the file cannot be read, or the encoder's tensors are not all there.
    """
    try:
        loaded, info = type(model).from_pretrained(
            folder,
            config=model.config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:  # of a header, a shape or a type
        if remedy_for(error):
            raise
        raise PolymathError(
            f"{folder}: its model.safetensors cannot be read, or is not of its config.json: "
            f"{first_line(error)}: get the model's files again"
        ) from None
    missing = set(info["missing_keys"])
    encoder = {f"{model.base_model_prefix}.{name}" for name in model.base_model.state_dict()}
    # A pooler belongs to the head: masked language models are saved without one.
    absent = sorted(name for name in missing & encoder if "pooler" not in name)
    if absent:
        raise PolymathError(
            f"{folder}: the checkpoint lacks {len(absent)} of the encoder's tensors, the first is "
            f"{absent[0]}: config.json and model.safetensors do not belong together"
        )
    return {name: value for name, value in loaded.state_dict().items() if name not in missing}


def longest_input(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model has positions for, special ones included.

    None where positions are relative or rotary and the configuration states no limit.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith("position_embeddings"):
            reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - reserved
    limit: int | None = getattr(model.config, "max_position_embeddings", None)
    return limit


def rescale_output(model: PreTrainedModel, centre: float, scale: float) -> None:
    """Make a model of one output predict `output * scale + centre`, by its last linear layer.

    The layer of a decoder has no bias: its configuration states what to add; see `added_to_output`.
    """
    last = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == 1][-1]
    with torch.no_grad():
        last.weight.mul_(scale)
        if last.bias is None:
            setattr(model.config, CENTRE, centre)
        else:
            last.bias.mul_(scale).add_(centre)


def added_to_output(model: PreTrainedModel) -> float:
    """Return what to add to a trained model's outputs: 0 unless its last layer has no bias."""
    return float(getattr(model.config, CENTRE, 0.0))
