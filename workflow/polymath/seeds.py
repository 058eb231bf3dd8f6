"""Named seed streams: every random choice has its own, derived from the experiment's seed."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Literal, TypeVar

Stream = Literal["split", "mapping", "init", "order", "dropout", "subset"]
T = TypeVar("T", bound=Hashable)


def derive_seed(seed: int, stream: Stream, replicate: int = 0) -> int:
    """Return the 63-bit seed of a stream for one replicate.

    Streams are independent: knowing one tells nothing of another, and changing the
    replicate changes all of them. The split does not depend on the replicate, so that
    all replicates are tested on the same items.
    """
    digest = hashlib.sha256(f"{seed}/{stream}/{replicate}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def hash_order(items: Sequence[T], seed: int) -> list[T]:
    """Return distinct items in an order that depends on the seed and the items alone.

    Sorting by SHA-256 gives the same order with any library version on any machine, and
    the order of two items does not depend on which others are present, so that prefixes
    of a growing data set stay nested.
    """
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{item}".encode()).digest())
