"""Lists in sentences."""

from collections.abc import Sequence


def join_words(words: Sequence[str]) -> str:
    """Return words as prose lists them: “a, b and c”; empty for no words."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
