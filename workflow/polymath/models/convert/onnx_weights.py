"""Read an encoder's weights out of the .onnx file that PyTorch exported it to.

By hand: transformers and safetensors read no .onnx file.
"""

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

    The export keeps most names, but stores a matrix that multiplies from the right transposed,
    under a number. It belongs to the bias that is added to its product.

    Raises:
        PolymathError: if a tensor of the encoder is missing or has another shape.
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
    """Return the stored name of each matrix whose bias has a name, by its name in the encoder."""
    products = {
        node.output[0]: node.input[1]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in stored
    }
    names = {}
    for node in graph.node:
        if node.op_type == "Add" and len(node.input) == 2:
            for bias, product in (node.input, tuple(reversed(node.input))):
                if bias.endswith(".bias") and bias in stored and product in products:
                    names[f"{bias.removesuffix('bias')}weight"] = products[product]
    return names


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
    # A pooler belongs to the head, and many exports lack it. Buffers are not stored.
    wanted = {name: tuple(value.shape) for name, value in encoder.named_parameters()}
    prefix = _prefix_of(named, next(iter(wanted)))
    tensors = {name.removeprefix(prefix): value for name, value in named.items()}
    for name, shape in wanted.items():
        if name not in tensors and "pooler" not in name:
            raise PolymathError(
                f"{file}: no tensor '{name}': the file's graph is not that of config.json's "
                f"{config['model_type']}, or torch.onnx.export did not write it: use weights "
                "in another format"
            )
        if name in tensors and tuple(tensors[name].shape) != shape:
            raise PolymathError(
                f"{file}: '{name}' has the shape {tuple(tensors[name].shape)}, config.json says "
                f"{shape}: they do not belong together"
            )
    unused = sorted(set(tensors) - set(wanted))
    if unused:
        log(f"left out tensors outside the encoder: {', '.join(unused)}")
    return {name: value for name, value in tensors.items() if name in wanted}


def _prefix_of(names: Mapping[str, Any], known: str) -> str:
    """Return the prefix of the names of a wrapped encoder, as `model.0.auto_model.`."""
    return next((name.removesuffix(known) for name in names if name.endswith(f".{known}")), "")
