"""What a verdict must be read with: one text, as “at one learning rate, over seeds alone”."""

from collections.abc import Iterable, Iterator

SEPARATOR = ", "


def join_qualifiers(qualifiers: Iterable[str]) -> str:
    """Return qualifiers as one text; empty ones are left out."""
    return SEPARATOR.join(filter(None, qualifiers))


def split_qualifiers(text: str) -> Iterator[str]:
    """Yield the qualifiers that were joined."""
    yield from filter(None, text.split(SEPARATOR))
