"""How many symbols a model reads: its positions, less those of special tokens."""

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from polymath.experiment.reading_limit import positions_in
from polymath.tokenization.special_tokens import SpecialTokens


def room_for_symbols(
    config: Mapping[str, Any], tokenizer: Tokenizer, pairs: bool = False
) -> int | None:
    """Return how many symbols of a sequence, or pair, a model reads; None if it has no limit."""
    positions = positions_in(config)
    return None if positions is None else positions - SpecialTokens.of(tokenizer, pairs).count
