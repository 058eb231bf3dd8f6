"""How much of a sequence is read: a model's positions, and what a user is told of the rest."""

from collections.abc import Mapping
from typing import Any

# What families call it.
POSITIONS = ("max_position_embeddings", "n_positions")
# Their first positions, up to the padding id, are never used.
RESERVING = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "longformer", "mpnet", "roberta",
     "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)  # fmt: skip


def positions_in(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens a config.json has positions for; None if it states no limit."""
    stated = (config[name] for name in POSITIONS if config.get(name) is not None)
    positions = next(stated, None)
    if positions is None or positions < 0:
        return None
    is_absolute = config.get("position_embedding_type", "absolute") == "absolute"
    if config.get("model_type") in RESERVING and is_absolute:
        return int(positions) - int(config.get("pad_token_id") or 0) - 1
    return int(positions)


def describe_share(name: str, unit: str, median: float, seen: int) -> str:
    """Return how much of a sequence of median length is read, and the remedy.

    Args:
        name: of the task, and of the model that sets the limit.
    """
    return (
        f"{name}: {median:,.0f} {unit} (median), {seen:,} seen ({seen / median:.1%}): use windows, "
        f"as 'windows: {{size: {seen}, stride: {seen}, limit: 8}}'"
    )
