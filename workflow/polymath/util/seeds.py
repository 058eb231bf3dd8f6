"""Seeds of all random choices: named streams, derived from the experiment's seed."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypeVar

Stream = Literal[
    "split",
    "mapping",
    "init",
    "order",
    "dropout",
    "subset",
    "mask",
    "resampling",
    "neighbours",
    "shuffle",
    "synthetic",
]
# The streams that differ between the replicates of a condition.
VARIED: tuple[Stream, ...] = ("mapping", "init", "order", "dropout", "subset")
T = TypeVar("T", bound=Hashable)


def named_seed(seed: int, name: str | int) -> int:
    """Return the 63-bit seed of one of several independent draws: a tensor's, a step's."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def derive_seed(seed: int, stream: Stream, level: int = 0) -> int:
    """Return the seed of a stream at one of its levels.

    Streams are independent. The split has one level, so that all replicates are tested on the
    same items.
    """
    return named_seed(seed, f"{stream}/{level}")


def seed_levels(replicate: int, crossed: Mapping[str, int]) -> dict[Stream, int]:
    """Return the level of each varied stream in one replicate.

    A negative replicate, one that chooses a learning rate, has levels that no other has.

    Args:
        crossed: how many levels of each stream are combined, in the order of VARIED, the first
            changing fastest; streams left out stay at level 0. If empty, every stream is at the
            replicate's own level.
    """
    if not crossed or replicate < 0:
        return dict.fromkeys(VARIED, replicate)
    levels = dict.fromkeys(VARIED, 0)
    for stream in VARIED:
        replicate, levels[stream] = divmod(replicate, crossed.get(stream, 1))
    return levels


def hash_order(items: Sequence[T], seed: int) -> list[T]:
    """Return distinct items in an order that depends on the seed and the items only.

    Sorting by SHA-256 gives the same order with any library version on any machine. The order of
    two items does not depend on which others are present, so prefixes of a growing data set stay
    nested.
    """
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{item}".encode()).digest())
