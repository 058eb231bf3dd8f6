"""Match the attention heads of two models so that their attention differs least.

The distance of two heads is the total variation between their attention from a token, in the mean
over tokens: half the sum over keys of |p - q|, between 0 and 1. Queries are a sequence's own
tokens. Keys are the same tokens and one more key for all special tokens, so that each row is a
distribution whatever the model's special tokens. Padding gets no attention.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def own_attention(attention: NDArray[np.floating], content: NDArray[np.bool_]) -> Array:
    """Return attention (heads, t, t) from and to a sequence's own q tokens, (heads, q, q + 1).

    The last key sums all other positions.

    Args:
        content: (t,) whether a position holds one of the sequence's own tokens.
    """
    rows = attention[:, content].astype(np.float64)
    special = rows[:, :, ~content].sum(axis=2, keepdims=True)
    return np.concatenate([rows[:, :, content], special], axis=2)


def total_variation(a: Array, b: Array) -> Array:
    """Return the total variation between each head of a and of b, (heads_a, heads_b).

    Args:
        a, b: (heads, q, keys) attention of the same queries.

    Returns:
        Sums over the queries, so that those of several sequences add up.
    """
    from scipy.spatial.distance import cdist

    distances: Array = cdist(
        *(heads.reshape(len(heads), -1) for heads in (a, b)), metric="cityblock"
    )
    return distances / 2


def match_heads(distances: Array) -> list[tuple[int, int]]:
    """Return the one-to-one matching of two models' heads with the smallest sum of distances.

    Source: H. W. Kuhn, The Hungarian method for the assignment problem, 1955. If one
    model has more heads, the surplus stays unmatched.
    """
    from scipy.optimize import linear_sum_assignment

    first, second = linear_sum_assignment(distances)
    return list(zip(first.tolist(), second.tolist(), strict=True))
