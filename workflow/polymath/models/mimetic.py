"""Mimetic initialisation: random attention with the shape that trained attention has.

Source: A. Trockman and J. Z. Kolter, Mimetic initialization of self-attention layers, ICML 2023
(arXiv 2305.09828), section 3 and algorithm 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from polymath.models.parts import attention_modules
from polymath.util.seeds import named_seed

# W_Q W_K' is about a Z + b I in each head, and W_V W_proj about c Z - d I: the paper's constants.
QUERY_KEY = (0.7, 0.7)
VALUE_OUTPUT = (0.4, -0.4)
# The last names of attention's linear maps, by the names that families use.
QUERY = ("query", "query_proj", "q_lin", "q_proj")
KEY = ("key", "key_proj", "k_lin", "k_proj")
VALUE = ("value", "value_proj", "v_lin", "v_proj")
TOGETHER = ("Wqkv", "c_attn")
OUTPUT = ("dense", "Wo", "out_lin", "out_proj", "o_proj", "c_proj")
POSITIONS = ("position_embeddings", "wpe")  # learnt tables of absolute positions


@dataclass(frozen=True)
class Attention:
    """Views (d, d) of a layer's matrices, to be read as `x @ matrix`."""

    name: str
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    output: torch.Tensor


def make_mimetic(model: PreTrainedModel, seed: int) -> bool:
    """Replace the attention matrices and positions of a random model, if their form is known.

    Positions are sinusoids where the model has a learnt table of them. They have the standard
    deviation of the model's other embeddings: with the paper's amplitude of 1, made for patches of
    images, they would drown words.

    Args:
        seed: of the random matrices, each from a stream named after its layer.

    Returns:
        Whether the model has attention of a known form; if not, it stays as it is.
    """
    layers = find_attention(model)
    if not layers:
        return False
    with torch.no_grad():
        for layer in layers:
            _fill(layer, model.config.num_attention_heads, seed)
        for table in _position_tables(model):
            scale = model.config.initializer_range * math.sqrt(2)
            table.weight.copy_(sinusoids(*table.weight.shape) * scale)
            if table.padding_idx is not None:
                table.weight[table.padding_idx] = 0
    return True


def find_attention(model: PreTrainedModel) -> list[Attention]:
    """Return the matrices of each layer's attention; none unless all are square and known."""
    layers = []
    for name, maps in attention_modules(model).items():
        matrices = _projections(maps)
        if matrices is None or any(matrix.shape != (len(matrix),) * 2 for matrix in matrices):
            return []
        layers.append(Attention(name, *matrices))
    return layers


def factorise(a: float, b: float, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return L and R, each (d, d), with L @ R = a Z + b I, by singular values, largest first.

    Args:
        matrix: (d, d) standard normal numbers; Z is this matrix divided by sqrt(d).
    """
    size = len(matrix)
    left, values, right = torch.linalg.svd(a * matrix / math.sqrt(size) + b * torch.eye(size))
    root = values.sqrt()
    return left * root, root[:, None] * right


def sinusoids(positions: int, width: int) -> torch.Tensor:
    """Return (positions, width): sines in even columns and cosines in odd ones.

    Source: A. Vaswani et al., Attention is all you need, 2017, section 3.5.
    """
    rates = 10_000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(positions)[:, None] * rates
    table = torch.empty(positions, width)
    table[:, ::2], table[:, 1::2] = angles.sin(), angles.cos()[:, : width // 2]
    return table


def _fill(layer: Attention, heads: int, seed: int) -> None:
    """Put new matrices into a layer: a product of queries and keys per head, one of values."""
    generator = torch.Generator().manual_seed(named_seed(seed, f"mimetic/{layer.name}"))
    size = len(layer.query)
    for columns in torch.arange(size).chunk(heads):
        left, right = factorise(*QUERY_KEY, torch.randn(size, size, generator=generator))
        rank = len(columns)
        layer.query[:, columns] = left[:, :rank]
        layer.key[:, columns] = right[:rank].T
    left, right = factorise(*VALUE_OUTPUT, torch.randn(size, size, generator=generator))
    layer.value.copy_(left)
    layer.output.copy_(right)


def _projections(maps: dict[str, nn.Module]) -> list[torch.Tensor] | None:
    """Return views of the matrices of queries, keys, values and output; None if not all known."""
    together, output = _pick(maps, TOGETHER), _pick(maps, OUTPUT)
    if output is None:
        return None
    if together is not None:
        return [*_as_product(together).chunk(3, dim=1), _as_product(output)]
    separate = [_pick(maps, names) for names in (QUERY, KEY, VALUE)]
    modules = [module for module in (*separate, output) if module is not None]
    return [_as_product(module) for module in modules] if len(modules) == 4 else None


def _pick(maps: dict[str, nn.Module], names: tuple[str, ...]) -> nn.Module | None:
    return next((maps[name] for name in names if name in maps), None)


def _as_product(module: nn.Module) -> torch.Tensor:
    """Return a view of a linear map's matrix (inputs, outputs)."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return weight.T if isinstance(module, nn.Linear) else weight


def _position_tables(model: PreTrainedModel) -> list[nn.Embedding]:
    return [
        module
        for name, module in model.base_model.named_modules()
        if isinstance(module, nn.Embedding) and name.split(".")[-1] in POSITIONS
    ]
