"""Alphabets as tokenizer.json, k-mers, windows and truncation."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from polymath.data.alphabets import spell
from polymath.experiment.datasets import PRESETS, Alphabet, TaskType, Windows
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.tokenize import cut_windows, encode_records, tokenize_records
from polymath.tokenization.tokenizers import build_tokenizer, load_tokenizer
from polymath.tokenization.vocabulary_mapping import MappingJob, map_vocabulary
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.storage import read_metadata, read_table, write_table

WORDS_OF_MODEL = "the of and to"
CHARACTERS = PRESETS["character"]
QUICK = settings(max_examples=150, deadline=None)


def make_alphabet(**fields: Any) -> Alphabet:
    return Alphabet.model_validate(fields)


def reload(tokenizer: Tokenizer, folder: Path) -> Tokenizer:
    tokenizer.save(str(folder / "tokenizer.json"))
    return load_tokenizer(folder / "tokenizer.json")


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def spelled(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return [str(tokenizer.id_to_token(number)) for number in ids]


# An alphabet's tokenizer.json.

ROUND_TRIPS: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"kind": "character"}, "GATTACA", list("GATTACA")),
    ({"kind": "character", "symbols": tuple("ACGT")}, "GATTACA", list("GATTACA")),
    ({"kind": "character", "symbols": tuple("ACGT"), "illegal": "N"}, "GANNA", list("GANNA")),
    ({"kind": "character"}, "a b\n.*é\N{MUSICAL SYMBOL G CLEF}", list("a b\n.*é\U0001d11e")),
    ({"kind": "separator"}, "60 62  60", ["60", "62", "60"]),
    ({"kind": "separator", "separator": ", "}, "do, re, do", ["do", "re", "do"]),
    ({"kind": "separator", "separator": "."}, "a.b c.a", ["a", "b c", "a"]),
    ({"kind": "kmer", "k": 3, "stride": 1}, "GATTACA", ["GAT", "ATT", "TTA", "TAC", "ACA"]),
    ({"kind": "kmer", "k": 3, "stride": 3}, "GATTACA", ["GAT", "TAC"]),
    ({"kind": "kmer", "k": 2, "stride": 3}, "GATTACA", ["GA", "TA"]),
    ({"kind": "kmer", "k": 7}, "GATTACA", ["GATTACA"]),
]


@pytest.mark.parametrize(("fields", "sequence", "symbols"), ROUND_TRIPS)
def test_tokenizer_file_round_trip(
    tmp_path: Path, fields: dict[str, Any], sequence: str, symbols: list[str]
) -> None:
    alphabet = make_alphabet(**fields)
    tokenizer = reload(build_tokenizer([sequence], alphabet), tmp_path)
    ids = encode(tokenizer, spell(sequence, alphabet))
    assert spelled(tokenizer, ids) == symbols
    # the file frames nothing by itself
    assert tokenizer.encode(spell(sequence, alphabet)).ids == ids


def test_symbols_are_numbered_in_sorted_order() -> None:
    vocabulary = build_tokenizer(["TG", "CA"], CHARACTERS).get_vocab()
    assert vocabulary == {"A": 0, "C": 1, "G": 2, "T": 3}


def test_stated_symbols_are_all_there_and_no_others() -> None:
    alphabet = make_alphabet(kind="separator", symbols=("60", "61", "7"), illegal="?")
    vocabulary = build_tokenizer(["60 60"], alphabet).get_vocab()
    assert vocabulary == {"60": 0, "61": 1, "7": 2, "?": 3}


@pytest.mark.parametrize("policy", ["error", "drop"])
def test_policy_is_no_symbol(policy: str) -> None:
    alphabet = make_alphabet(kind="character", symbols=("A", "C"), illegal=policy)
    assert set(build_tokenizer([], alphabet).get_vocab()) == {"A", "C"}


def test_kmers_are_those_that_occur() -> None:
    alphabet = make_alphabet(kind="kmer", k=2, symbols=tuple("ACGT"))
    assert build_tokenizer(["ACA", "CAA"], alphabet).get_vocab() == {"AA": 0, "AC": 1, "CA": 2}


def test_unknown_symbol_is_refused() -> None:
    tokenizer = build_tokenizer(["AC"], CHARACTERS)
    with pytest.raises(Exception, match="WordLevel error"):
        tokenizer.encode("AX")


@QUICK
@given(st.text(alphabet="ACGT", min_size=1, max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_kmers_lie_where_the_stride_says(sequence: str, k: int, stride: int) -> None:
    kmers = spell(sequence, make_alphabet(kind="kmer", k=k, stride=stride)).split()
    assert len(kmers) == max(0, (len(sequence) - k) // stride + 1)
    assert all(kmer == sequence[number * stride :][:k] for number, kmer in enumerate(kmers))


@QUICK
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_any_characters_round_trip(sequences: list[str]) -> None:
    tokenizer = build_tokenizer(sequences, CHARACTERS)
    for sequence in sequences:
        assert spelled(tokenizer, encode(tokenizer, sequence)) == list(sequence)


def test_stored_truncation_and_padding_are_off(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="b"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9, pad_id=1, pad_token="b")
    assert encode(reload(tokenizer, tmp_path), "a a a") == [0, 0, 0]


# Windows.


@st.composite
def sequences_and_windows(draw: st.DrawFn, limited: bool) -> tuple[list[int], Windows]:
    ids = list(range(draw(st.integers(1, 60))))
    size = draw(st.integers(1, 20))
    stride = draw(st.integers(1, size))
    limit = draw(st.integers(1, 8)) if limited else None
    return ids, Windows(size=size, stride=stride, limit=limit)


@QUICK
@given(sequences_and_windows(limited=False))
def test_windows_cover_every_symbol_and_only_the_last_is_short(
    case: tuple[list[int], Windows],
) -> None:
    ids, windows = case
    pieces = cut_windows(ids, windows)
    assert sorted({number for piece in pieces for number in piece}) == ids
    assert all(len(piece) == windows.size for piece in pieces[:-1])
    assert all(after[-1] > before[-1] for before, after in pairwise(pieces))


@QUICK
@given(sequences_and_windows(limited=True))
def test_windows_are_whole_slices_at_the_stride(case: tuple[list[int], Windows]) -> None:
    for piece in cut_windows(*case):
        ids, windows = case
        assert piece[0] % windows.stride == 0
        assert piece == ids[piece[0] : piece[0] + windows.size]


@QUICK
@given(sequences_and_windows(limited=True))
def test_limit_keeps_the_first_and_the_last(case: tuple[list[int], Windows]) -> None:
    ids, windows = case
    everything = cut_windows(ids, windows.model_copy(update={"limit": None}))
    pieces = cut_windows(ids, windows)
    assert windows.limit is not None
    assert len(pieces) == min(windows.limit, len(everything))
    assert pieces[0] == everything[0]
    assert windows.limit == 1 or pieces[-1] == everything[-1]
    starts = [piece[0] for piece in pieces]
    assert starts == sorted(set(starts))


def test_windows_by_hand() -> None:
    ids = list(range(10))
    assert cut_windows(ids, None) == [ids]
    assert cut_windows(ids, Windows(size=4, stride=4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert cut_windows(ids, Windows(size=4, stride=3)) == [ids[0:4], ids[3:7], ids[6:10]]
    assert cut_windows(ids, Windows(size=2, stride=5)) == [[0, 1], [5, 6]]
    assert cut_windows(ids, Windows(size=1, stride=1, limit=4)) == [[0], [3], [6], [9]]
    assert cut_windows([7], Windows(size=4, stride=2)) == [[7]]


# Records to tokens.


def make_records(sequences: list[str], task_type: str = "classification") -> pd.DataFrame:
    size = len(sequences)
    return pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(size)],
            "sequence": sequences,
            "label": ["x"] * size if task_type == "classification" else [0.5] * size,
            "split": ["train"] * size,
            "group": [str(number) for number in range(size)],
        }
    )


def tokenize(
    folder: Path,
    sequences: list[str],
    alphabet: Alphabet,
    windows: Windows | None = None,
    max_length: int = 100,
    task_type: TaskType = "classification",
    **rest: Any,
) -> tuple[pd.DataFrame, dict[str, Any], str]:
    records, tokens = folder / "records.parquet", folder / "tokens.parquet"
    write_table(make_records(sequences, task_type), records, None, {"type": task_type, "seed": 1})
    line = tokenize_records(
        records, alphabet, windows, max_length, tokens, folder / "tokenizer.json", **rest
    )
    return read_table(tokens), read_metadata(tokens), line


def test_tokens_are_symbol_ids(tmp_path: Path) -> None:
    table, metadata, _ = tokenize(tmp_path, ["GAT", "A"], CHARACTERS)
    assert [list(ids) for ids in table["ids"]] == [[1, 0, 2], [0]]
    assert list(table["length"]) == [3, 1]
    assert list(table["id"]) == list(table["item"]) == ["r0", "r1"]
    assert (metadata["symbols"], metadata["seed"], metadata["truncated"]) == (3, 1, 0)
    written = load_tokenizer(tmp_path / "tokenizer.json")
    assert spelled(written, list(table["ids"].iloc[0])) == list("GAT")


def test_symbols_that_are_not_those_of_the_tokens_are_refused(tmp_path: Path) -> None:
    """A flipped bit of an id would be another mapping, and another result."""
    tokenize(tmp_path, ["GAT", "A"], CHARACTERS)
    symbols, model = tmp_path / "tokenizer.json", tmp_path / "model.json"
    build_tokenizer([WORDS_OF_MODEL], make_alphabet(kind="separator")).save(str(model))
    job = MappingJob(symbols, model, "random", seed=1, replicates=1)
    map_vocabulary(job, tmp_path / "vocabulary.parquet")
    symbols.write_text(symbols.read_text().replace('"T": 2', '"T": 3').replace('"T":2', '"T":3'))
    with pytest.raises(DamagedError, match=r"tokenizer.json is damaged \(its SHA-256"):
        map_vocabulary(job, tmp_path / "vocabulary.parquet")


def test_truncation_is_counted(tmp_path: Path) -> None:
    sequences = ["ACGTACGT", "ACGT", "ACGTA"]
    table, metadata, line = tokenize(tmp_path, sequences, CHARACTERS, max_length=4)
    assert [list(ids) for ids in table["ids"]] == [[0, 1, 2, 3]] * 3
    assert list(table["length"]) == [4, 4, 4]
    assert (metadata["truncated"], metadata["max_length"]) == (2, 4)
    assert line == "3 records, 3 rows, 4 symbols, 2 rows truncated to 4"


def test_windows_of_a_record_are_rows_of_one_item(tmp_path: Path) -> None:
    windows = Windows(size=3, stride=3)
    table, metadata, _ = tokenize(tmp_path, ["ACGTA", "AC"], CHARACTERS, windows)
    assert list(table["id"]) == ["r0#0", "r0#1", "r1#0"]
    assert list(table["item"]) == ["r0", "r0", "r1"]
    assert list(table["window"]) == [0, 1, 0]
    assert [list(ids) for ids in table["ids"]] == [[0, 1, 2], [3, 0], [0, 1]]
    assert metadata["truncated"] == 0


def test_windows_longer_than_max_length_are_counted(tmp_path: Path) -> None:
    _, metadata, _ = tokenize(tmp_path, ["ACGTACG"], CHARACTERS, Windows(size=3, stride=3), 2)
    assert metadata["truncated"] == 2  # of 3, 3 and 1 symbols


def test_kmer_windows_count_kmers(tmp_path: Path) -> None:
    alphabet = make_alphabet(kind="kmer", k=3)
    table, _, _ = tokenize(tmp_path, ["ACGTAC"], alphabet, Windows(size=2, stride=2))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    assert [spelled(tokenizer, list(ids)) for ids in table["ids"]] == [
        ["ACG", "CGT"],
        ["GTA", "TAC"],
    ]


def test_labels_of_regression_stay_numbers(tmp_path: Path) -> None:
    table, _, _ = tokenize(tmp_path, ["AC"], CHARACTERS, task_type="regression")
    assert table["label"].dtype == float
    assert list(table["label"]) == [0.5]


def test_text_uses_the_models_tokenizer_without_specials(tmp_path: Path) -> None:
    words = {word: number for number, word in enumerate(["[UNK]", "[CLS]", "big", "dog"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "model.json"))
    texts, file = ["dog big dog", "cat"], tmp_path / "model.json"
    table, metadata, _ = tokenize(tmp_path, texts, PRESETS["model"], model_tokenizer=file)
    assert [list(ids) for ids in table["ids"]] == [[3, 2, 3], [0]]
    assert metadata["symbols"] == 4


# Files that are no tokenizers, or such as cannot be used.

FRAMED: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "WordLevel", "vocab": {"a": 0, "[SEP]": 1}, "unk_token": "[UNK]"},
}
WITHOUT_TOKEN = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[EVIL]", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"SpecialToken": {"id": "[EVIL]", "type_id": 0}},
             {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}  # fmt: skip
UNUSABLE = {
    "empty": b"",
    "no JSON": b"{",
    "other encoding": b"\xff\xfe{",
    "no tokenizer": b"{}",
    "no model": json.dumps({**FRAMED, "model": None}).encode(),
    "frame of unknown tokens": json.dumps({**FRAMED, "post_processor": WITHOUT_TOKEN}).encode(),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_file_that_is_no_usable_tokenizer_is_named(case: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(UNUSABLE[case])
    with pytest.raises(PolymathError, match=f"^{path}: .*get the file again"):
        load_tokenizer(path)
    job = MappingJob(path, path, "random", seed=0, replicates=1)
    with pytest.raises(DamagedError) as caught:  # of a stage's own: it is made again
        map_vocabulary(job, tmp_path / "vocabulary.parquet")
    assert caught.value.result == path


def test_a_tokenizer_that_cannot_read_a_word_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**FRAMED, "model": {**FRAMED["model"], "vocab": {"b": 0}}}))
    with pytest.raises(PolymathError, match="UNK"):
        SpecialTokens.of(load_tokenizer(path))
    with pytest.raises(PolymathError, match="UNK"):
        encode_records(
            pd.DataFrame({"id": ["x"], "split": ["train"], "label": ["a"], "sequence": ["zz"]}),
            load_tokenizer(path), PRESETS["model"], None,
        )  # fmt: skip


def test_a_tokenizer_does_not_pad_when_it_is_tried(tmp_path: Path) -> None:
    padding = {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None,
               "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}  # fmt: skip
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**FRAMED, "padding": padding}))
    assert encode(load_tokenizer(path), "a") == [0]
