"""Alphabets: normalise sequences, cut them into symbols and join these again."""

from polymath.experiment.datasets import Alphabet

SEPARATOR = "\x1f"  # between the two sequences of a pair: the ASCII unit separator


def normalise(sequence: str, alphabet: Alphabet) -> str:
    """Fold case and delete the characters that the alphabet says to delete."""
    if alphabet.uppercase:
        sequence = sequence.upper()
    return sequence.translate({ord(character): None for character in alphabet.remove})


def split_units(sequence: str, alphabet: Alphabet) -> list[str]:
    """Cut a sequence into the units that must be legal symbols: characters or words.

    The units of a k-mer alphabet are its characters; text of kind `model` has none.
    """
    match alphabet.kind:
        case "character" | "kmer":
            return list(sequence)
        case "separator":
            return [unit for unit in sequence.split(alphabet.separator) if unit]
        case "model":
            return []


def split_symbols(content: str, alphabet: Alphabet) -> list[str]:
    """Cut a sequence into units, and text into words; of a pair, both sequences in turn."""
    return [
        symbol
        for sequence in content.split(SEPARATOR)
        for symbol in (
            sequence.split() if alphabet.kind == "model" else split_units(sequence, alphabet)
        )
    ]


def join_units(units: list[str], alphabet: Alphabet) -> str:
    """Join units to the sequence that `split_units` cuts into them."""
    return (alphabet.separator if alphabet.kind == "separator" else "").join(units)


def spell(sequence: str, alphabet: Alphabet) -> str:
    """Return the text that the alphabet's tokenizer.json reads: k-mers are spelled out."""
    if alphabet.kind != "kmer":
        return sequence
    starts = range(0, len(sequence) - alphabet.k + 1, alphabet.stride)
    return " ".join(sequence[start : start + alphabet.k] for start in starts)
