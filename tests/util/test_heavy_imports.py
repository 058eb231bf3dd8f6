"""What heavy imports make is left out of later searches for garbage; what follows is not."""

import gc
import weakref

from polymath.util.heavy_imports import heavy_imports


class Node:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_is_collected_again_after_the_block() -> None:
    with heavy_imports():
        assert not gc.isenabled()
        kept = [Node() for _ in range(1000)]
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count() > len(kept)
        node = weakref.ref(Node())
        gc.collect()
        assert node() is None
    finally:
        gc.unfreeze()
