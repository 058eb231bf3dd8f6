"""Find out what the symbols of sequences are: which alphabet fits, and which domain that suggests.

Rules are tried from the most to the least specific; the first that fits nearly all rows is taken.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from polymath.experiment.datasets import PRESETS, SMILES
from polymath.own_data.words import FUNCTION_WORDS

FITS = 0.95  # share of the rows that must consist of an alphabet's symbols
BASE_CODES = "NRYSWKMBDHV"  # of several bases each (IUPAC)
RESIDUE_CODES = "XBZJUO"  # of several or rare amino acids
GAPS = "-.*"
BLOCK = 9  # letters; shorter words of bases are k-mers, longer ones blocks as GenBank prints them
BRACKET = r"\[[^\[\]]+\]"
IN_BRACKETS = re.compile(f"(?:{BRACKET})+")
BASES = frozenset("ACGTUNacgtun")  # of k-mers between blanks, as ACGT CGTA
RESIDUES = 0.95  # share of the letters of proteins that are the 20 amino acids
FEWEST_RESIDUES = 8  # kinds of amino acids in proteins; fewer may be words
MOST_SYMBOLS = 200  # kinds of words between blanks that are symbols rather than text
MOST_NUMBERS = 20_000  # kinds of whole numbers that a text model has tokens for
MOST_CHARACTERS = 50_000_000  # that are looked at, in rows evenly spaced
PIECES = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")  # of a text: numbers, words and marks


@dataclass(frozen=True)
class Symbols:
    """What the symbols of a column are.

    Attributes:
        alphabet: as the configuration has it.
        domain: where the sequences come from.
        reason: why, in words.
        rank: how sure it is that this is a column of sequences; 0 is surest.
    """

    alphabet: str | dict[str, Any]
    domain: str
    reason: str
    rank: int

    @property
    def is_text(self) -> bool:
        """Whether a model's own tokenizer reads them."""
        return self.alphabet == "model"


def find_symbols(values: Sequence[str]) -> Symbols:
    """Return the symbols that fit a column's values; lists are text in brackets."""
    step = 1 + sum(map(len, values)) // MOST_CHARACTERS
    rows = [value.strip() for value in values[::step] if value.strip()]
    if not rows:
        return Symbols("character", "symbols", "the column is empty", 9)
    if all(IN_BRACKETS.fullmatch(row) for row in rows) and any("][" in row for row in rows):
        kinds = len({unit for row in rows for unit in re.findall(BRACKET, row)})
        reason = f"{kinds} kinds of symbols in brackets, as SELFIES has them"
        return Symbols({"kind": "regex", "pattern": BRACKET}, "symbols", reason, 0)
    if all(row[0] == "[" and row[-1] == "]" for row in rows) and len(set(rows)) > 1:
        kinds = len({unit for row in rows for unit in re.split(r"[\s,]+", row[1:-1])})
        reason = f"lists of {kinds} kinds of values, one symbol each"
        return Symbols({"kind": "separator", "separator": " "}, "symbols", reason, 0)
    blocks = [row.split() for row in rows]
    if all(len(word) == len(blocks[0][0]) >= BLOCK for row in blocks for word in row[:-1]):
        joined = ["".join(row) for row in blocks]
        symbols = _nucleotides(joined) or _protein(joined)
        if symbols is not None and joined != rows:
            keys = symbols.alphabet
            keys = {"preset": keys} if isinstance(keys, str) else keys
            keys = {**keys, "remove": " " + keys.get("remove", "")}
            return replace(symbols, alphabet=keys, reason=f"{symbols.reason}, in blocks")
    for rule in (_nucleotides, _protein, _smiles, _separated, _words):
        symbols = rule(rows)
        if symbols is not None:
            return symbols
    letters = Counter("".join(rows))
    if any(ord(letter) > 0x2FF and letter.isalpha() for letter in letters):
        return Symbols("model", "text", "letters of another script, which the model reads", 2)
    reason = f"{len(letters)} kinds of characters, one symbol each"
    return Symbols("character", "symbols", reason, 3 if len(letters) <= 30 else 4)


def without_blanks(symbols: Symbols, values: pd.Series) -> Symbols:
    """Return symbols of which blanks around the values are none, if letters are symbols and no
    blanks stand between them.
    """
    alphabet = symbols.alphabet
    keys = {"preset": alphabet} if isinstance(alphabet, str) else alphabet
    inner = values.str.strip()
    blanks = {
        blank
        for value, kept in zip(values, inner, strict=True)
        if value != kept
        for blank in value
        if blank.isspace()
    }
    cut = keys.get("preset") in ("dna", "rna", "protein", "character")
    if not blanks or not cut or inner.str.contains(r"\s").any():
        return symbols
    remove = "".join(sorted(blanks)) + keys.get("remove", "")
    return replace(symbols, alphabet={**keys, "remove": remove})


def _share(rows: Sequence[str], letters: str) -> float:
    """Return the share of the rows that consist of these letters."""
    allowed = frozenset(letters)
    return sum(allowed.issuperset(row) for row in rows) / len(rows)


def _with_rare(
    rows: Sequence[str], preset: str, rare: str, replacement: str
) -> str | dict[str, Any]:
    """Return a preset, with what other characters that occur need."""
    letters = "".join(PRESETS[preset].symbols or ())
    present = set("".join(rows))
    gaps = "".join(gap for gap in GAPS if gap in present)
    has_rare = bool(present & set(rare))
    changes: dict[str, Any] = {"remove": gaps} if gaps else {}
    if has_rare:
        changes["illegal"] = replacement
    elif present - set(letters + gaps):
        changes["illegal"] = "drop"
    return {"preset": preset, **changes} if changes else preset


def _nucleotides(rows: Sequence[str]) -> Symbols | None:
    upper = [row.upper() for row in rows]
    if _median_length(rows) < 4:
        return None
    for preset, letters in (("dna", "ACGT"), ("rna", "ACGU")):
        plain = _share(upper, letters)
        coded = _share(upper, letters + BASE_CODES + GAPS)
        bases = sum(map(letters.__contains__, "".join(upper))) / sum(map(len, upper))
        if coded >= FITS and bases >= 0.9:
            alphabet = _with_rare(upper, preset, BASE_CODES, "N")
            others = "" if plain == 1 else ", and few others"
            return Symbols(alphabet, preset, f"the letters {', '.join(letters)}{others}", 0)
    return None


def _protein(rows: Sequence[str]) -> Symbols | None:
    upper = [row.upper() for row in rows]
    letters = "".join(PRESETS["protein"].symbols or ())
    counts = Counter("".join(upper))
    kinds = counts.keys() & set(letters)
    folded = sum(row != row.upper() for row in rows) / len(rows)
    if len(kinds) < FEWEST_RESIDUES or 1 - FITS < folded < FITS or _median_length(rows) < 4:
        return None
    if folded >= FITS and len(set(rows)) < 0.5 * len(rows):
        return None  # words that recur
    plain, coded = _share(upper, letters), _share(upper, letters + RESIDUE_CODES + GAPS)
    written = sum(count for character, count in counts.items() if character.isalpha())
    if coded < FITS or sum(counts[letter] for letter in kinds) < RESIDUES * written:
        return None  # of names and words every eighth letter is a B, J, O, U, X or Z
    alphabet = _with_rare(upper, "protein", RESIDUE_CODES, "X")
    others = "" if plain == 1 else ", and few others"
    return Symbols(alphabet, "protein", f"letters of the 20 amino acids{others}", 0)


def _smiles(rows: Sequence[str]) -> Symbols | None:
    pattern = re.compile(f"(?:{SMILES})+")
    share = sum(pattern.fullmatch(row) is not None for row in rows) / len(rows)
    marks = set("".join(rows))
    if share < FITS or not marks & set("=()#[]") or not marks & set("Cc") or marks <= set("(.)"):
        return None
    alphabet: str | dict[str, Any] = "smiles"
    if share < 1:
        alphabet = {"preset": "smiles", "illegal": "drop"}
    return Symbols(alphabet, "molecules", "atoms, bonds and brackets of SMILES", 0)


def _separated(rows: Sequence[str]) -> Symbols | None:
    """Return symbols between commas, semicolons, bars or hyphens, without blanks in them."""
    for mark, name in ((",", "commas"), (";", "semicolons"), ("|", "bars"), ("-", "hyphens")):
        cut = [[unit.strip() for unit in row.split(mark)] for row in rows]
        units = [unit for row in cut for unit in row]
        several = sum(len(row) > 1 for row in cut) / len(rows)
        if several < FITS or any(" " in unit for unit in units):
            continue
        kinds = len(set(units))
        if kinds <= MOST_SYMBOLS or all(unit.lstrip("+-").isdecimal() for unit in units if unit):
            alphabet = {"kind": "separator", "separator": mark}
            return Symbols(alphabet, "symbols", f"{kinds} kinds of symbols between {name}", 1)
    return None


def _words(rows: Sequence[str]) -> Symbols | None:
    """Return symbols between blanks, or text."""
    cut = [row.split() for row in rows]
    if sum(len(row) > 1 for row in cut) / len(rows) < 0.5:
        return None
    kinds = Counter(word for row in cut for word in row)
    numbers = all(word.lstrip("+-").isdecimal() for word in kinds)
    common = FUNCTION_WORDS & {word.lower().strip(".,;:!?") for word in kinds}
    # Symbols recur, and a language's commonest words are not among them.
    recurring = sum(kinds.values()) >= 5 * len(kinds) and not common
    coded = all(len(word) == 1 for word in kinds) or all(
        set(word) <= BASES and len(word) < BLOCK for word in kinds
    )
    if (
        (numbers and len(kinds) <= MOST_NUMBERS)
        or (recurring and len(kinds) <= MOST_SYMBOLS)
        or coded
    ):
        what = "whole numbers" if numbers else "letters or k-mers" if coded else "words"
        alphabet = {"kind": "separator", "separator": " "}
        return Symbols(alphabet, "symbols", f"{len(kinds)} kinds of {what} between blanks", 1)
    reason = f"words between blanks ({len(kinds):,} kinds), which the model's tokenizer reads"
    return Symbols("model", "text", reason, 2)


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a WordPiece tokenizer of 30,000 tokens makes of a text: one of a
    short word or a mark, one of every five letters of a long word or two digits of a number.
    """
    return sum(
        math.ceil(len(piece) / (2 if piece.isdecimal() else 5))
        if len(piece) > 7 or piece.isdecimal()
        else 1
        for piece in PIECES.findall(text)
    )


def _median_length(rows: Sequence[str]) -> int:
    return sorted(map(len, rows))[len(rows) // 2]


PITCHES = Symbols("pitch", "music", "pitches of the notes, in order of onset", 0)
