"""An .onnx file of an encoder, as PyTorch writes it."""

from pathlib import Path

import torch
from torch import nn


def export(model: nn.Module, target: Path) -> None:
    """Write an .onnx file as PyTorch's exporter names and transposes things."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, stored, number = [], [], 400
    for name, value in model.state_dict().items():
        array = value.numpy()
        module = model.get_submodule(name.rpartition(".")[0])
        if name.endswith(".weight") and isinstance(module, nn.Linear):
            number += 1
            matrix, bias = f"onnx::MatMul_{number}", f"{name.removesuffix('weight')}bias"
            product = f"{name}_out"
            nodes.append(helper.make_node("MatMul", ["x", matrix], [product]))
            ends = [bias, product] if number % 2 else [product, bias]
            nodes.append(helper.make_node("Add", ends, [f"{product}_sum"]))
            stored.append(numpy_helper.from_array(array.T.copy(), matrix))
        else:
            stored.append(numpy_helper.from_array(array.copy(), name))
    stored.append(numpy_helper.from_array(torch.tensor([1.0]).numpy(), "/Constant_7"))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [value], [value], stored)), target)
