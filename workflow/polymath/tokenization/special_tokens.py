"""The special tokens that a model expects around a sequence: [CLS] ... [SEP]."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from polymath.util.errors import PolymathError


@dataclass(frozen=True)
class SpecialTokens:
    """The special tokens that a model expects around a sequence or a pair, and all token types.

    Attributes:
        ids: the special tokens before the first sequence, after it, and after the second of a pair.
        types: the token types of these ids, a tuple for each.
        sequence_types: the token type of each sequence's own tokens.
    """

    ids: tuple[tuple[int, ...], ...]
    types: tuple[tuple[int, ...], ...]
    sequence_types: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer, pairs: bool = False) -> "SpecialTokens":
        """Read off a tokenizer what it puts around a sequence, or around a pair."""
        bare = tokenizer.encode("a", add_special_tokens=False).ids
        encoding = tokenizer.encode("a", "a" if pairs else None, add_special_tokens=True)
        ids, types, sequence_types = [], [], []
        end = 0
        for _ in range(2 if pairs else 1):
            start = _find(encoding.ids, bare, end)
            ids.append(tuple(encoding.ids[end:start]))
            types.append(tuple(encoding.type_ids[end:start]))
            sequence_types.append(encoding.type_ids[start])
            end = start + len(bare)
        ids.append(tuple(encoding.ids[end:]))
        types.append(tuple(encoding.type_ids[end:]))
        return cls(tuple(ids), tuple(types), tuple(sequence_types))

    @property
    def count(self) -> int:
        """Number of special tokens."""
        return sum(map(len, self.ids))

    def mapped(self, token_ids: Mapping[int, int]) -> "SpecialTokens":
        """Return them with those replaced that a vocabulary mapping moves.

        Args:
            token_ids: the token id of each symbol id of a mapping; see `special_symbol`.
        """
        moved = (tuple(token_ids.get(special_symbol(i), i) for i in side) for side in self.ids)
        return replace(self, ids=tuple(moved))


def special_symbol(token: int) -> int:
    """Return the (negative) symbol id under which a mapping lists a special token."""
    return -1 - token


def _find(ids: list[int], wanted: list[int], start: int) -> int:
    for place in range(start, len(ids) - len(wanted) + 1):
        if ids[place : place + len(wanted)] == wanted:
            return place
    raise PolymathError(
        "the tokenizer changes a text's tokens when it adds special tokens: use another model"
    )
