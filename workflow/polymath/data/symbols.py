"""Sequences: normalise them, and apply the alphabet's policy to illegal symbols."""

import re
from collections.abc import Callable

import pandas as pd

from polymath.data.alphabets import list_separator, normalise, split_units
from polymath.data.data_card import RejectedRows
from polymath.data.readers import PLACE
from polymath.experiment.datasets import PRESETS, Alphabet
from polymath.util.errors import PolymathError

ITEM = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s,]+")  # of a list as Python or numpy prints it


def check_symbols(
    table: pd.DataFrame, column: str, alphabet: Alphabet, rejected: RejectedRows
) -> pd.DataFrame:
    """Normalise one column of sequences; apply the alphabet's policy to illegal symbols.

    Raises:
        PolymathError: naming the row, the symbol and the remedy.
    """
    if alphabet.kind == "separator":
        table[column] = _read_printed_lists(table, column, alphabet, rejected)
    table[column] = [normalise(sequence, alphabet) for sequence in table[column]]
    if alphabet.kind == "character" and alphabet.symbols is None:
        table[column] = _strip_blanks(table[column], rejected)
    before = len(table)
    table = _apply_policy(table, column, alphabet, rejected)
    if alphabet.kind in ("kmer", "regex"):
        _refuse_spaces(table, column, alphabet)
    empty = _lengths(table[column], alphabet) < (alphabet.k if alphabet.kind == "kmer" else 1)
    if empty.any() and alphabet.illegal == "error":
        raise PolymathError(
            f"{table.loc[empty, PLACE].iloc[0]}: the sequence is empty or shorter than one symbol "
            f"({empty.sum()} such rows): correct or delete it, or set 'illegal: drop'"
        )
    table = rejected.drop(table, empty, "empty sequence")
    if table.empty:
        reasons = "; ".join(
            f"{entry['reason']} ({entry['count']}, the first {entry['first'][0]})"
            for entry in rejected.as_list()
        )
        raise PolymathError(
            f"all {before} rows were left out: {reasons}: name characters to delete in 'remove' of "
            "the alphabet, or choose another alphabet"
        )
    return table


def _lengths(sequences: pd.Series, alphabet: Alphabet) -> pd.Series:
    """Return the number of characters of each sequence, without its separators."""
    if alphabet.kind == "separator":
        sequences = sequences.str.replace(alphabet.separator, "", regex=False)
    return sequences.str.strip().str.len()


def _apply_policy(
    table: pd.DataFrame, column: str, alphabet: Alphabet, rejected: RejectedRows
) -> pd.DataFrame:
    is_legal = _legality(alphabet)
    if is_legal is None:
        return table
    units = [split_units(sequence, alphabet) for sequence in table[column]]
    wrong = [next((unit for unit in row if not is_legal(unit)), None) for row in units]
    bad = pd.Series([unit is not None for unit in wrong], index=table.index, dtype=bool)
    if bad.any() and alphabet.illegal == "error":
        first = table[bad].index[0]
        raise PolymathError(
            f"{table.loc[first, PLACE]}: symbol {wrong[first]!r} at position "
            f"{units[first].index(wrong[first]) + 1} is not in the alphabet ({bad.sum()} such "
            "rows): correct the row, name characters to delete in 'remove' of the alphabet, or "
            "set its 'illegal' to 'drop' or to a replacement symbol"
            + _fitting_preset(table[column], alphabet)
        )
    if alphabet.illegal == "drop":
        for row in table[bad].index[:1]:
            symbol = wrong[row]
            rejected.notices.append(
                f"{column}: rows with illegal symbols were left out; the first is {symbol!r} "
                f"({table.loc[row, PLACE]})"
            )
        return rejected.drop(table, bad, "symbol outside the alphabet")
    rejected.replaced += int(bad.sum())
    joint = list_separator(alphabet)
    table.loc[bad, column] = [
        joint.join(unit if is_legal(unit) else alphabet.illegal for unit in units[row])
        for row in table[bad].index
    ]
    return table


def _legality(alphabet: Alphabet) -> Callable[[str], bool] | None:
    """Return whether a unit is a symbol; None if every unit is."""
    if alphabet.kind in ("model", "tokenizer"):
        return None
    if alphabet.symbols is not None:
        return frozenset(alphabet.symbols).__contains__
    if alphabet.kind == "regex":
        assert alphabet.pattern is not None
        pattern = re.compile(alphabet.pattern)
        return lambda unit: pattern.fullmatch(unit) is not None
    return None


def _fitting_preset(sequences: pd.Series, alphabet: Alphabet) -> str:
    """Return a hint at the preset whose symbols are all that occur; '' if there is none."""
    if alphabet.kind not in ("character", "kmer", "regex"):
        return ""
    characters = set("".join(sequences).upper())
    for name in ("dna", "rna", "protein"):
        symbols = PRESETS[name].symbols
        if symbols is not None and symbols != alphabet.symbols and characters <= set(symbols):
            return f"; all symbols of the column are in preset '{name}'"
    return "; preset 'character' takes every character as a symbol"


def _read_printed_lists(
    table: pd.DataFrame, column: str, alphabet: Alphabet, rejected: RejectedRows
) -> pd.Series:
    """Return sequences without the brackets, commas and quotes of lists that Python printed."""
    sequences = table[column].str.strip()
    if not (sequences.str.startswith("[") & sequences.str.endswith("]")).all():
        return table[column]
    items = [[item.strip("'\"") for item in ITEM.findall(text[1:-1])] for text in sequences]
    for place, row in zip(table[PLACE], items, strict=True):
        if "..." in row:
            raise PolymathError(
                f"{place}: the list of column '{column}' was shortened by '...' when it was "
                "printed: write its values out"
            )
    rejected.notices.append(
        f"{column}: lists as Python prints them: brackets, commas and quotes are left out"
    )
    return pd.Series([alphabet.separator.join(row) for row in items], index=table.index)


def _strip_blanks(sequences: pd.Series, rejected: RejectedRows) -> pd.Series:
    """Return sequences without the blanks around them, which would be symbols; note how many."""
    stripped = sequences.str.strip()
    changed = stripped != sequences
    if changed.any():
        rejected.notices.append(
            f"{sequences.name}: blanks at the ends of {changed.sum()} sequences are left out; "
            "those inside are symbols"
        )
    return stripped


def _refuse_spaces(table: pd.DataFrame, column: str, alphabet: Alphabet) -> None:
    """Refuse blanks in symbols: they separate those of k-mers and regular expressions."""
    spaced = pd.Series(
        [
            any(re.search(r"\s", unit) for unit in split_units(sequence, alphabet))
            for sequence in table[column]
        ],
        index=table.index,
        dtype=bool,
    )
    if spaced.any():
        what = "a k-mer" if alphabet.kind == "kmer" else "a symbol of 'pattern'"
        raise PolymathError(
            f"{table.loc[spaced, PLACE].iloc[0]}: the sequence has a space ({spaced.sum()} such "
            f"rows), which {what} cannot contain: add it to 'remove' of the alphabet"
        )
