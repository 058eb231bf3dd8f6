"""Alphabets: normalise sequences, cut them into symbols and join these again."""

import re

import pandas as pd

from polymath.experiment.datasets import Alphabet

SEPARATOR = "\x1f"  # between the two sequences of a pair: the ASCII unit separator


def normalise(sequence: str, alphabet: Alphabet) -> str:
    """Fold case, delete the characters that the alphabet says to delete, and blanks around
    separators.
    """
    if alphabet.uppercase:
        sequence = sequence.upper()
    sequence = sequence.translate({ord(character): None for character in alphabet.remove})
    if alphabet.kind == "separator" and not alphabet.separator.isspace():
        mark = alphabet.separator
        sequence = mark.join(unit.strip() for unit in sequence.split(mark))
    return sequence


def split_units(sequence: str, alphabet: Alphabet) -> list[str]:
    """Cut a sequence into the units that must be legal symbols: characters or words.

    The units of a k-mer alphabet are its characters, as are those of a tokenizer of its own; text
    of kind `model` has none. Of a regular expression they are its matches, and what is between
    them, without blanks.
    """
    match alphabet.kind:
        case "character" | "kmer" | "tokenizer":
            return list(sequence)
        case "regex":
            assert alphabet.pattern is not None
            return _split_matches(sequence, alphabet.pattern)
        case "separator":
            return [unit for unit in sequence.split(alphabet.separator) if unit]
        case "model":
            return []


def _split_matches(sequence: str, pattern: str) -> list[str]:
    units, end = [], 0
    for match in re.finditer(pattern, sequence):
        units += [*sequence[end : match.start()].split(), match.group()]
        end = match.end()
    return [unit for unit in [*units, *sequence[end:].split()] if unit]


def list_separator(alphabet: Alphabet) -> str:
    """Return what joins the symbols of a list to a sequence that `split_units` cuts into them."""
    match alphabet.kind:
        case "separator":
            return alphabet.separator
        case "character" | "kmer":
            return ""
        case _:
            return " "


def contents_of(table: pd.DataFrame) -> pd.Series:
    """Return each record's sequence, or both of a pair, which are equal only together."""
    names = [name for name in ("sequence", "sequence2") if name in table]
    return table[names].agg(SEPARATOR.join, axis=1)


def split_symbols(content: str, alphabet: Alphabet) -> list[str]:
    """Cut a sequence into units, and text into words; of a pair, both sequences in turn."""
    return [
        symbol
        for sequence in content.split(SEPARATOR)
        for symbol in (
            sequence.split() if alphabet.kind == "model" else split_units(sequence, alphabet)
        )
    ]


def spell(sequence: str, alphabet: Alphabet) -> str:
    """Return the text that the alphabet's tokenizer.json reads, where symbols of several
    characters are words: k-mers, and matches of a regular expression.
    """
    if alphabet.kind == "regex":
        return " ".join(split_units(sequence, alphabet))
    if alphabet.kind != "kmer":
        return sequence
    starts = range(0, len(sequence) - alphabet.k + 1, alphabet.stride)
    return " ".join(sequence[start : start + alphabet.k] for start in starts)
