"""What a config.json may not ask for: foreign code, and sizes that no model has."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from polymath.util.errors import PolymathError

# Other values name compiled code on the hub, which transformers would fetch and run.
ATTENTION = ("eager", "sdpa")
ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
SIZES = re.compile(r"(^|_)(size|dim|width|heads?|embeddings|positions|labels|filters|channels)$")
LAYERS = re.compile(r"(^|_)(layers?|blocks)$")
LARGEST_SIZE, MOST_LAYERS = 10_000_000, 1_000


def check_config(config: Mapping[str, Any], place: str) -> None:
    """Check a model's configuration, and those inside it, before transformers reads it.

    Raises:
        PolymathError: naming the key, its value and the limit.
    """
    for key, value in _entries(config):
        if key in ATTENTION_KEYS and value is not None and value not in ATTENTION:
            raise PolymathError(
                f"{place}: '{key}': {value!r} would run code from the hub, and Polymath never runs "
                f"code that came with a model: remove it, or set one of {', '.join(ATTENTION)}"
            )
        if key == "quantization_config" and value:
            raise PolymathError(
                f"{place}: '{key}': quantised models are not supported: choose the unquantised "
                "model"
            )
        layers = LAYERS.search(key) is not None
        limit = MOST_LAYERS if layers else LARGEST_SIZE
        # DeBERTa says -1 for relative positions as many as there are positions.
        lowest = -1 if key.endswith("positions") else 0
        if (layers or SIZES.search(key)) and _is_number(value) and not lowest <= value <= limit:
            raise PolymathError(
                f"{place}: '{key}' is {value}: it must be from {lowest} to {limit:,}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _entries(value: object) -> Iterator[tuple[str, Any]]:
    """Yield all keys and values of a dictionary and of those inside it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
            yield from _entries(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _entries(inner)
