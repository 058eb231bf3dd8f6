"""How much of a sequence a model reads: its positions, less those of special tokens."""

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer

from polymath.tokenization.special_tokens import SpecialTokens

# Their first positions, up to the padding id, are never used.
RESERVING = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "longformer", "mpnet", "roberta",
     "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)  # fmt: skip


def positions_in(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens a config.json has positions for; None if it states no limit."""
    positions = config.get("max_position_embeddings")
    if positions is None or positions < 0:
        return None
    is_absolute = config.get("position_embedding_type", "absolute") == "absolute"
    if config.get("model_type") in RESERVING and is_absolute:
        return int(positions) - int(config.get("pad_token_id") or 0) - 1
    return int(positions)


def room_for_symbols(
    config: Mapping[str, Any], tokenizer: Tokenizer, pairs: bool = False
) -> int | None:
    """Return how many symbols of a sequence, or pair, a model reads; None if it has no limit."""
    positions = positions_in(config)
    return None if positions is None else positions - SpecialTokens.of(tokenizer, pairs).count


def describe_share(task: str, unit: str, median: float, seen: int) -> str:
    """Return how much of a sequence of median length is read, and the remedy."""
    return (
        f"{task}: {median:,.0f} {unit} (median), {seen:,} seen ({seen / median:.1%}): use windows, "
        f"as 'windows: {{size: {seen}, stride: {seen}, limit: 8}}'"
    )
