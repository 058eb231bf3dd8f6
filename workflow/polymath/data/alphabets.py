"""What a symbol is: cutting sequences into symbols, and an alphabet as a tokenizer.json."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from polymath.experiment.catalogue import Alphabet

UNKNOWN = "[UNK]"
WORDS = 50_000  # most words of a text's own tokenizer, the commonest


def normalise(sequence: str, alphabet: Alphabet) -> str:
    """Fold case and delete the characters that the alphabet says to delete."""
    if alphabet.uppercase:
        sequence = sequence.upper()
    return sequence.translate({ord(character): None for character in alphabet.remove})


def split_units(sequence: str, alphabet: Alphabet) -> list[str]:
    """Cut a sequence into the units that are checked for legality: characters or words.

    The units of a k-mer alphabet are its characters; text of kind `model` has none.
    """
    match alphabet.kind:
        case "character" | "kmer":
            return list(sequence)
        case "separator":
            return [unit for unit in sequence.split(alphabet.separator) if unit]
        case "model":
            return []


def join_units(units: list[str], alphabet: Alphabet) -> str:
    """Put units together again as the sequence that `split_units` would cut into them."""
    return (alphabet.separator if alphabet.kind == "separator" else "").join(units)


def spell(sequence: str, alphabet: Alphabet) -> str:
    """Return the text that the alphabet's tokenizer.json reads: k-mers are written out."""
    if alphabet.kind != "kmer":
        return sequence
    starts = range(0, len(sequence) - alphabet.k + 1, alphabet.stride)
    return " ".join(sequence[start : start + alphabet.k] for start in starts)


def build_tokenizer(sequences: Iterable[str], alphabet: Alphabet) -> Tokenizer:
    """Return a word-level tokenizer of the alphabet's symbols, numbered in sorted order.

    A character or separator alphabet with stated `symbols` has exactly these (and the
    replacement for illegal ones); otherwise the symbols are those that occur. Text of kind
    `model`, without a model, has words.
    """
    if alphabet.kind == "model":
        return build_word_tokenizer(sequences)
    symbols: set[str] = set()
    if alphabet.symbols is not None and alphabet.kind != "kmer":
        symbols.update(alphabet.symbols)
        if alphabet.illegal not in ("error", "drop"):
            symbols.add(alphabet.illegal)
    else:
        for sequence in sequences:
            units = (
                spell(sequence, alphabet).split(" ")
                if alphabet.kind == "kmer"
                else (split_units(sequence, alphabet))
            )
            symbols.update(unit for unit in units if unit)
    ids = {symbol: number for number, symbol in enumerate(sorted(symbols))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=""))
    match alphabet.kind:
        case "character":
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        case "separator":
            tokenizer.pre_tokenizer = pre_tokenizers.Split(alphabet.separator, "removed")
        case _:
            tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return tokenizer


def build_word_tokenizer(sequences: Iterable[str]) -> Tokenizer:
    """Return a tokenizer of lower-case words and punctuation; others than these are UNKNOWN."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(
        vocab_size=WORDS, special_tokens=[UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(sorted(sequences), trainer)
    return tokenizer


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the id that a tokenizer gives to what it does not know; None if it knows all."""
    stored = json.loads(tokenizer.to_str())["model"]
    if stored.get("unk_id") is not None:
        return int(stored["unk_id"])
    name = stored.get("unk_token")
    return tokenizer.token_to_id(name) if name else None


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json; truncation and padding stored in it are switched off."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
