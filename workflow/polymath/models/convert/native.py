"""Decide whether a model that brings code of its own can do without it.

Some repositories carry Python code (`auto_map`) for an architecture that transformers has now. That
code is never downloaded and never run. The model is taken as transformers' own if every tensor of
the encoder has the name and shape that it has there: code that computes something else usually
needs other tensors.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from polymath.util.errors import PolymathError, first_line
from polymath.util.remedies import remedy_for

AUTO_MAP = "auto_map"
# Constants that older releases stored with the weights.
CONSTANTS = ("position_ids", "inv_freq")
REMEDY = "choose one whose architecture transformers has"

Shapes = dict[str, tuple[int, ...]]


def require_native(
    weights: Path, config: Mapping[str, Any], place: str, log: Callable[[str], None]
) -> None:
    """Check that a checkpoint's encoder is transformers' own model of its kind, tensor by tensor.

    Args:
        weights: model.safetensors.
        config: the model's configuration without `auto_map`.
        place: the model's folder, for messages.

    Raises:
        PolymathError: naming the first tensor that is missing, too many or of another shape.
    """
    native, prefix = _native_shapes(config, place)
    stored = _encoder_of(_stored_shapes(weights), f"{prefix}.")
    problems = [
        *(f"no '{name}'" for name in sorted(native.keys() - stored.keys()) if _counts(name)),
        *(f"'{name}' too" for name in sorted(stored.keys() - native.keys()) if _counts(name)),
        *(
            f"'{name}' with the shape {stored[name]} instead of {native[name]}"
            for name in sorted(native.keys() & stored.keys())
            if native[name] != stored[name]
        ),
    ]
    if problems:
        raise PolymathError(
            f"{place}: this model brings its own Python code ('{AUTO_MAP}'), which Polymath never "
            f"runs, and its weights are not of transformers' own '{config['model_type']}': "
            f"{len(problems)} tensors of the encoder differ, the first: it has {problems[0]}: "
            f"{REMEDY}"
        )
    log(
        f"ignored '{AUTO_MAP}': the encoder's {len(native)} tensors have the names and shapes of "
        f"transformers' own {config['model_type']}; the code that came with it is not run"
    )


def _native_shapes(config: Mapping[str, Any], place: str) -> tuple[Shapes, str]:
    """Return the tensors of transformers' encoder, built without memory, and its prefix."""
    import torch
    from transformers import AutoConfig, AutoModel

    import polymath.models.cnn  # noqa: F401, registers Polymath's own kind of model

    values = {name: value for name, value in config.items() if name != "model_type"}
    try:
        with torch.device("meta"):
            described = AutoConfig.for_model(config["model_type"], **values)
            encoder = AutoModel.from_config(described, trust_remote_code=False)
    except Exception as error:  # whatever transformers makes of odd values
        if remedy_for(error):
            raise
        raise PolymathError(
            f"{place}: transformers cannot build a '{config['model_type']}' of its config.json "
            f"without the Python code that came with it: {first_line(error)}: {REMEDY}"
        ) from None
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    return shapes, encoder.base_model_prefix


def _stored_shapes(weights: Path) -> Shapes:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise PolymathError(f"{weights}: damaged: {error}: get the file again") from None


def _encoder_of(stored: Shapes, prefix: str) -> Shapes:
    """Return the encoder's tensors: those below its prefix, or all where none is."""
    below = {
        name.removeprefix(prefix): shape
        for name, shape in stored.items()
        if name.startswith(prefix)
    }
    return below or stored


def _counts(name: str) -> bool:
    """Whether a tensor is of the encoder: no constant, and no pooler, which is of the head."""
    return "pooler" not in name and not name.endswith(CONSTANTS)
