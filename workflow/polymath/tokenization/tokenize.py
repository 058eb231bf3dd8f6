"""Records to tokens: symbol ids in the domain's own alphabet, independent of any model."""

from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from polymath.data.alphabets import spell
from polymath.data.readers import PLACE
from polymath.experiment.datasets import Alphabet, Windows
from polymath.experiment.paths import TOKENS_TABLE
from polymath.experiment.stage_versions import TOKENS
from polymath.tokenization.tokenizers import (
    build_tokenizer,
    load_tokenizer,
    unknown_token,
    usable_tokenizer,
    word_symbols,
)
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import (
    COMPANION_SHA256,
    read_metadata,
    read_with_metadata,
    sha256_of,
    whole_file,
    write_table,
)

UNKNOWN_ALLOWED = 0.5
# A list or an array of symbols.
T = TypeVar("T", list[int], NDArray[np.int64])


def token_schema(task_type: str, pairs: bool = False) -> pa.Schema:
    """Return the columns of the tokens table: one row per window of a record (`item`).

    A pair has the symbols of its second sequence in `ids2`; `length` counts both.
    """
    second = [("ids2", pa.list_(pa.int32()))] if pairs else []
    return pa.schema(
        [
            ("id", pa.string()),
            ("item", pa.string()),
            ("window", pa.int32()),
            ("split", pa.string()),
            ("label", pa.float64() if task_type == "regression" else pa.string()),
            ("length", pa.int32()),
            ("ids", pa.list_(pa.int32())),
            *second,
        ]
    )


def tokenize_records(
    records: Path,
    alphabet: Alphabet,
    windows: Windows | None,
    max_length: int,
    tokens: Path,
    tokenizer_file: Path,
    model_tokenizer: Path | None = None,
) -> str:
    """Write a task's tokens and its tokenizer.json; return a line for the log.

    Args:
        alphabet: how sequences are cut into symbols, or spelled for the model's tokenizer.
        model_tokenizer: the tokenizer.json to use instead of one of the alphabet's own.

    Raises:
        PolymathError: if the tokenizer does not know most of what it reads.
    """
    table, provenance = read_with_metadata(records)
    if model_tokenizer is not None:
        tokenizer = load_tokenizer(model_tokenizer)
    else:
        tokenizer = build_tokenizer(_sequences_to_learn(table, alphabet), alphabet)
    pairs = "sequence2" in table
    rows = encode_records(table, tokenizer, alphabet, windows)
    _refuse_unknown(rows, tokenizer, records)
    truncated = truncate_rows(rows, max_length)
    provenance |= {
        "truncated": truncated,
        "max_length": max_length,
        "symbols": tokenizer.get_vocab_size(),
        "tokens_code_version": TOKENS,
    }
    with whole_file(tokenizer_file) as temporary:
        tokenizer.save(str(temporary))
        provenance[COMPANION_SHA256] = sha256_of(temporary)
    write_table(rows, tokens, token_schema(provenance["type"], pairs), provenance)
    return (
        f"{len(table)} records, {len(rows)} rows, {tokenizer.get_vocab_size()} symbols, "
        f"{truncated} rows truncated to {max_length}"
    )


def load_symbols(symbols: Path) -> Tokenizer:
    """Read the tokenizer.json of a task's symbols, which was written with its tokens.

    Raises:
        DamagedError: if it is not as it was written.
    """
    tokens = symbols.with_name(TOKENS_TABLE)
    stated = read_metadata(tokens).get(COMPANION_SHA256) if tokens.is_file() else None
    if stated is not None and symbols.is_file() and sha256_of(symbols) != stated:
        raise DamagedError(symbols, f"its SHA-256 is not {stated}")
    try:
        return load_tokenizer(symbols)
    except PolymathError as error:
        raise DamagedError(symbols, str(error)) from None


def truncate_rows(rows: pd.DataFrame, max_length: int) -> int:
    """Truncate the rows of `encode_records`, in place; return how many were longer."""
    truncated = int((rows["length"] > max_length).sum())
    if "ids2" in rows:
        cut = [
            truncate_pair(*both, max_length) for both in zip(rows["ids"], rows["ids2"], strict=True)
        ]
        rows["ids"], rows["ids2"] = zip(*cut, strict=True)
    else:
        rows["ids"] = [ids[:max_length] for ids in rows["ids"]]
    rows["length"] = rows["length"].clip(upper=max_length)
    return truncated


def _sequences_to_learn(table: pd.DataFrame, alphabet: Alphabet) -> pd.Series:
    """Return the sequences that give an alphabet its symbols; words come from training rows."""
    rows = table[table["split"] == "train"] if alphabet.kind == "model" else table
    return pd.concat([rows[name] for name in ("sequence", "sequence2") if name in rows])


def _refuse_unknown(rows: pd.DataFrame, tokenizer: Tokenizer, records: Path) -> None:
    unknown = unknown_token(tokenizer)
    if unknown is None:
        return
    ids = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows["ids"]])
    share = float(np.mean(ids == unknown))
    if share > UNKNOWN_ALLOWED:
        raise PolymathError(
            f"{records}: {share:.0%} of the tokens are unknown to the tokenizer, which is not made "
            "for this domain, or reads k-mers: use mapping random, or set 'kmer' of the model"
        )


def encode_records(
    table: pd.DataFrame, tokenizer: Tokenizer, alphabet: Alphabet, windows: Windows | None
) -> pd.DataFrame:
    """Return one row per window: id, item, window, split, label, length, ids; ids2 of pairs."""
    encoded = _encode(table["sequence"], tokenizer, alphabet)
    rows = []
    for record, ids in zip(table.itertuples(index=False), encoded, strict=True):
        for number, piece in enumerate(cut_windows(ids, windows)):
            name = record.id if windows is None else f"{record.id}#{number}"
            rows.append((name, record.id, number, record.split, record.label, len(piece), piece))
    columns = ["id", "item", "window", "split", "label", "length", "ids"]
    windowed = pd.DataFrame(rows, columns=columns)
    if "sequence2" in table:
        windowed["ids2"] = _encode(table["sequence2"], tokenizer, alphabet)
        windowed["length"] += windowed["ids2"].str.len()
    return windowed


def encode_new(
    table: pd.DataFrame, tokenizer: Tokenizer, alphabet: Alphabet, windows: Windows | None
) -> pd.DataFrame:
    """Return the rows of sequences that the tokenizer was not made for; see `encode_records`.

    Raises:
        PolymathError: naming the first row with a symbol that the tokenizer does not know.
    """
    for column in ("sequence", "sequence2"):
        if column in table:
            _refuse_new_symbols(table, column, tokenizer, alphabet)
    return encode_records(table, tokenizer, alphabet, windows)


def _refuse_new_symbols(
    table: pd.DataFrame, column: str, tokenizer: Tokenizer, alphabet: Alphabet
) -> None:
    """Refuse symbols without a token of their own, if the tokenizer has none for unknown ones."""
    if alphabet.kind in ("model", "tokenizer") or unknown_token(tokenizer) is not None:
        return
    known = tokenizer.get_vocab()
    wrong = [
        next((symbol for symbol in word_symbols(text, alphabet) if symbol not in known), None)
        for text in table[column]
    ]
    places = [place for place, symbol in enumerate(wrong) if symbol is not None]
    if places:
        raise PolymathError(
            f"{table[PLACE].iloc[places[0]]}: no sequence of the data set has the symbol "
            f"{wrong[places[0]]!r} ({len(places)} such rows): the model has not learned it: leave "
            "these rows out"
        )


def _encode(sequences: pd.Series, tokenizer: Tokenizer, alphabet: Alphabet) -> list[list[int]]:
    texts = [spell(sequence, alphabet) for sequence in sequences]
    with usable_tokenizer("the tokenizer"):
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def truncate_pair(first: T, second: T, room: int) -> tuple[T, T]:
    """Truncate a pair to `room` symbols in total, one by one at the end of the longer sequence (of
    equal ones, the second), as transformers' strategy `longest_first` does.
    """
    excess = len(first) + len(second) - room
    if excess <= 0:
        return first, second
    gap = len(first) - len(second)
    alone = min(abs(gap), excess)
    cut = [alone if gap > 0 else 0, alone if gap < 0 else 0]
    rest = excess - alone
    keep_first = len(first) - cut[0] - rest // 2
    keep_second = len(second) - cut[1] - (rest + 1) // 2
    return first[:keep_first], second[:keep_second]


def cut_windows(ids: list[int], windows: Windows | None) -> list[list[int]]:
    """Cut a sequence into windows; the tail is kept as a shorter last window.

    With a limit, that many windows are kept, evenly spaced from the first to the last.
    """
    if windows is None:
        return [ids]
    overlap = windows.size - windows.stride
    starts = [
        start
        for start in range(0, len(ids), windows.stride)
        if start == 0 or start + overlap < len(ids)
    ]
    if windows.limit is not None and len(starts) > windows.limit:
        chosen = np.linspace(0, len(starts) - 1, windows.limit).round().astype(int)
        starts = [starts[index] for index in chosen]
    return [ids[start : start + windows.size] for start in starts]
