"""Records to tokens: symbol ids in the domain's own alphabet, independent of any model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer

from polymath.alphabets import build_tokenizer, load_tokenizer, spell
from polymath.catalogue import Alphabet, Windows
from polymath.files import read_metadata, read_table, whole_file, write_table
from polymath.versions import TOKENS


def token_schema(task_type: str) -> pa.Schema:
    """Columns of the tokens table: one row a window of a record (`item`)."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("item", pa.string()),
            ("window", pa.int32()),
            ("split", pa.string()),
            ("label", pa.string() if task_type == "classification" else pa.float64()),
            ("length", pa.int32()),
            ("ids", pa.list_(pa.int32())),
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
    """Write a task's tokens and its tokenizer.json; return a line about them.

    Args:
        model_tokenizer: the tokenizer.json to use for an alphabet of kind `model`.
    """
    table = read_table(records)
    provenance = read_metadata(records)
    if alphabet.kind == "model":
        assert model_tokenizer is not None
        tokenizer = load_tokenizer(model_tokenizer)
    else:
        tokenizer = build_tokenizer(table["sequence"], alphabet)
    rows = encode_records(table, tokenizer, alphabet, windows)
    truncated = rows["length"] > max_length
    rows["ids"] = [ids[:max_length] for ids in rows["ids"]]
    rows["length"] = rows["length"].clip(upper=max_length)
    provenance |= {
        "truncated": int(truncated.sum()),
        "max_length": max_length,
        "symbols": tokenizer.get_vocab_size(),
        "tokens_code_version": TOKENS,
    }
    with whole_file(tokenizer_file) as temporary:
        tokenizer.save(str(temporary))
    write_table(rows, tokens, token_schema(provenance["type"]), provenance)
    return (
        f"{len(table)} records, {len(rows)} rows, {tokenizer.get_vocab_size()} symbols, "
        f"{truncated.sum()} rows truncated to {max_length}"
    )


def encode_records(
    table: pd.DataFrame, tokenizer: Tokenizer, alphabet: Alphabet, windows: Windows | None
) -> pd.DataFrame:
    """Return one row a window: id, item, window, split, label, length, ids."""
    texts = [spell(sequence, alphabet) for sequence in table["sequence"]]
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    rows = []
    for record, encoding in zip(table.itertuples(index=False), encoded, strict=True):
        ids = encoding.ids
        for number, piece in enumerate(cut_windows(ids, windows)):
            name = record.id if windows is None else f"{record.id}#{number}"
            rows.append((name, record.id, number, record.split, record.label, len(piece), piece))
    return pd.DataFrame(rows, columns=["id", "item", "window", "split", "label", "length", "ids"])


def cut_windows(ids: list[int], windows: Windows | None) -> list[list[int]]:
    """Cut a sequence into windows; the tail is kept as a shorter last window.

    With a limit, that many windows are taken, evenly spaced from the first to the last.
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
