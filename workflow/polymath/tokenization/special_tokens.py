"""The special tokens that a model expects around a sequence, [CLS] ... [SEP], and their room."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import Tokenizer

from polymath.experiment.reading_limit import positions_in
from polymath.tokenization.tokenizers import usable_tokenizer


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
        """Read off a tokenizer what it puts around a sequence, or around a pair.

        Raises:
            PolymathError: if it cannot read them.
        """
        with usable_tokenizer("the model's tokenizer.json"):
            encoding = tokenizer.encode("a", "a" if pairs else None)
        ids: list[list[int]] = [[]]
        types: list[list[int]] = [[]]
        sequence_types: list[int] = []
        tokens = zip(encoding.ids, encoding.type_ids, encoding.sequence_ids, strict=True)
        for token, kind, sequence in tokens:
            if sequence is None:  # a special token
                ids[-1].append(token)
                types[-1].append(kind)
            elif sequence == len(sequence_types):  # the first token of a sequence
                sequence_types.append(kind)
                ids.append([])
                types.append([])
        return cls(tuple(map(tuple, ids)), tuple(map(tuple, types)), tuple(sequence_types))

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


def room_for_symbols(
    config: Mapping[str, Any], tokenizer: Tokenizer, pairs: bool = False
) -> int | None:
    """Return how many symbols of a sequence, or pair, a model reads; None if it has no limit."""
    positions = positions_in(config)
    return None if positions is None else positions - SpecialTokens.of(tokenizer, pairs).count


def special_symbol(token: int) -> int:
    """Return the (negative) symbol id under which a mapping lists a special token."""
    return -1 - token
