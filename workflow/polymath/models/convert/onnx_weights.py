"""Read the weights of an encoder back out of the .onnx file that PyTorch exported it to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymath.util.errors import PolymathError

if TYPE_CHECKING:
    from torch import Tensor


def read_onnx(
    file: Path, config: Mapping[str, Any], log: Callable[[str], None]
) -> "dict[str, Tensor]":
    """Return the tensors under the names that they have in the configuration's encoder.

    The export keeps the names of most, but a matrix that multiplies from the right is stored
    transposed under a number. It belongs to the bias that is added to its product.

    Raises:
        PolymathError: if a tensor of the encoder is not found or has another shape.
    """
    import onnx
    import torch
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        graph = onnx.load(file).graph
    except DecodeError:
        raise PolymathError(f"{file}: not an .onnx file, or damaged") from None
    stored = {
        item.name: torch.from_numpy(numpy_helper.to_array(item).copy())
        for item in graph.initializer
    }
    matrices = {stored_name: name for name, stored_name in _matrices(graph, stored).items()}
    named = {
        matrices.get(name, name): tensor.T.contiguous() if name in matrices else tensor
        for name, tensor in stored.items()
    }
    return _as_encoder(named, config, file, log)


def _matrices(graph: Any, stored: "Mapping[str, Tensor]") -> dict[str, str]:
    """Return the stored name of each matrix whose bias has a name, by the name it ought to have."""
    products = {
        node.output[0]: node.input[1]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in stored
    }
    found = {}
    for node in graph.node:
        if node.op_type == "Add" and len(node.input) == 2:
            for bias, product in (node.input, tuple(reversed(node.input))):
                if bias.endswith(".bias") and bias in stored and product in products:
                    found[f"{bias.removesuffix('bias')}weight"] = products[product]
    return found


def _as_encoder(
    named: "Mapping[str, Tensor]",
    config: Mapping[str, Any],
    file: Path,
    log: Callable[[str], None],
) -> "dict[str, Tensor]":
    import torch
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        encoder = AutoModel.from_config(AutoConfig.for_model(**config))
    # A pooler belongs to the head, and many exports lack it. Buffers are made, not stored.
    wanted = {name: tuple(value.shape) for name, value in encoder.named_parameters()}
    prefix = _prefix_of(named, next(iter(wanted)))
    found = {name.removeprefix(prefix): value for name, value in named.items()}
    for name, shape in wanted.items():
        if name not in found and "pooler" not in name:
            raise PolymathError(
                f"{file}: no tensor '{name}': the file's graph is not that of config.json's "
                f"{config['model_type']}, or it was exported otherwise than by torch.onnx.export: "
                "use weights in another format"
            )
        if name in found and tuple(found[name].shape) != shape:
            raise PolymathError(
                f"{file}: '{name}' has the shape {tuple(found[name].shape)}, config.json says "
                f"{shape}: they do not belong together"
            )
    others = sorted(set(found) - set(wanted))
    if others:
        log(f"left out what is not of the encoder: {', '.join(others)}")
    return {name: value for name, value in found.items() if name in wanted}


def _prefix_of(names: Mapping[str, Any], known: str) -> str:
    """Return what the names of a wrapped encoder begin with, as `model.0.auto_model.`."""
    return next((name.removesuffix(known) for name in names if name.endswith(f".{known}")), "")
