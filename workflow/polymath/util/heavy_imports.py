"""Import large libraries without looking for garbage among what they make."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Collect no garbage inside the block, and never look at what it made afterwards.

    torch and transformers make about a million objects that live as long as the process. Python
    would search them again and again while they are imported, at each later collection, and when
    the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
