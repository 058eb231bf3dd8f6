"""Tokenizers as tokenizer.json: build an alphabet's own, load any, list its tokens."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from polymath.data.alphabets import spell, split_units
from polymath.experiment.datasets import Alphabet
from polymath.tokenization.growth import check_growth
from polymath.util.errors import PolymathError

UNKNOWN = "[UNK]"
UNUSABLE, ANOTHER = "no tokenizer that can be used", "get the file again, or use another tokenizer"
WORDS = 50_000  # size of a text's own vocabulary, at most
# Placeholders that vocabularies keep for later use: BERT's [unused12], T5's and ALBERT's
# <unused_3>, RoBERTa's madeupword0001.
UNUSED = re.compile(r"[\[<]?unused[_-]?\d+[\]>]?|madeupword\d+")


def build_tokenizer(sequences: Iterable[str], alphabet: Alphabet) -> Tokenizer:
    """Return a word-level tokenizer of the alphabet's symbols, numbered in sorted order.

    A character or separator alphabet with stated `symbols` has exactly these (and the
    replacement for illegal ones); any other, the symbols that occur. Text of kind `model`,
    where no model gives the tokenizer, has words. A tokenizer of the user's own is read as it is.
    """
    if alphabet.kind == "model":
        return build_word_tokenizer(sequences)
    symbols: set[str] = set()
    if alphabet.kind == "tokenizer":
        assert alphabet.file is not None
        return load_tokenizer(Path(alphabet.file))
    if alphabet.symbols is not None and alphabet.kind != "kmer":
        symbols.update(alphabet.symbols)
        if alphabet.illegal not in ("error", "drop"):
            symbols.add(alphabet.illegal)
    else:
        for sequence in sequences:
            symbols.update(word_symbols(sequence, alphabet))
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


def word_symbols(sequence: str, alphabet: Alphabet) -> list[str]:
    """Return a sequence's symbols, which a word-level tokenizer has one token each for."""
    if alphabet.kind == "kmer":
        return spell(sequence, alphabet).split()
    return split_units(sequence, alphabet)


def build_word_tokenizer(sequences: Iterable[str]) -> Tokenizer:
    """Return a tokenizer of lower-case words and punctuation; rarer words become UNKNOWN."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(
        vocab_size=WORDS, special_tokens=[UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(sorted(sequences), trainer)
    return tokenizer


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the id of a tokenizer's unknown token; None if it has none."""
    stored = json.loads(tokenizer.to_str())["model"]
    if stored.get("unk_id") is not None:
        return int(stored["unk_id"])
    name = stored.get("unk_token")
    return tokenizer.token_to_id(name) if name else None


@contextmanager
def usable_tokenizer(place: str) -> Iterator[None]:
    """Refuse a tokenizer on which the library fails inside the block.

    It raises mere exceptions, and what its Rust code raises is not even one of these.

    Raises:
        PolymathError: naming the place.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, PolymathError):
        raise
    except BaseException as error:
        raise PolymathError(f"{place}: {UNUSABLE} ({error}): {ANOTHER}") from None


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json; switch off the truncation and padding stored in it.

    Raises:
        PolymathError: if the file is missing, damaged, or of a tokenizer that cannot be used, or
            that makes texts too long.
    """
    try:
        content = path.read_bytes().decode()
    except FileNotFoundError:
        raise PolymathError(f"{path} is missing: run the same command again to make it") from None
    except UnicodeError as error:
        raise PolymathError(f"{path}: {UNUSABLE} ({error}): {ANOTHER}") from None
    with usable_tokenizer(str(path)):
        check_growth(content, str(path))
        tokenizer = Tokenizer.from_str(content)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode("", "")  # what it puts around sequences
    return tokenizer


def ordinary_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """Return id and text of every token that is neither special nor unused, by id."""
    stored = json.loads(tokenizer.to_str())
    special = {token["id"] for token in stored["added_tokens"] if token["special"]}
    by_id = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    return {
        number: token
        for number, token in by_id
        if number not in special and not UNUSED.fullmatch(token)
    }


def common_words(model: Tokenizer) -> list[int]:
    """Return the model's words of two letters or more, the commonest first.

    No vocabulary says how often its tokens occur, so this is an approximation: a Unigram
    tokenizer's own scores (log-probabilities), and otherwise the order of ids, which WordPiece
    and byte-pair training leave roughly sorted by frequency, except for single characters.
    """
    stored = json.loads(model.to_str())["model"]
    words = [
        number
        for number, token in ordinary_tokens(model).items()
        if len(token.lstrip("Ġ▁")) > 1 and not token.startswith("##")
    ]
    if stored["type"] != "Unigram":
        return words
    scores = [score for _, score in stored["vocab"]]
    return sorted(words, key=lambda number: (-scores[number], number))
