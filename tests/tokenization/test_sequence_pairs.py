"""Tasks of two sequences a row: as transformers' own tokenizers and models read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

from polymath.experiment.datasets import PRESETS
from polymath.models.build import build_classifier
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.task_data import Task
from polymath.tokenization.tokenize import encode_records, tokenize_records, truncate_pair
from polymath.training.batches import batch_shape, batches_by_length, gather_batch, move_split
from polymath.training.encode import EncodedTask, encode_task
from polymath.training.loop import forward
from polymath.util.storage import read_table, write_table
from support.families import SPECIALS, small_tokenizer

Checkpoint = Callable[[str], Path]
TEMPLATES = {
    "bert": "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
    "distilbert": "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
    "roberta": "[CLS] $A [SEP] [SEP] $B [SEP]",
}


def tokenizer_of(family: str) -> Tokenizer:
    tokenizer = small_tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair=TEMPLATES[family],
        special_tokens=[(name, SPECIALS.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def some_pairs(rows: int = 24) -> pd.DataFrame:
    generator = np.random.default_rng(0)

    def sentence() -> str:
        return " ".join(f"w{n}" for n in generator.integers(0, 200, generator.integers(1, 40)))

    return pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(rows)],
            "sequence": [sentence() for _ in range(rows)],
            "sequence2": [sentence() for _ in range(rows)],
            "label": [("no", "yes")[row % 2] for row in range(rows)],
            "split": [("train", "dev", "test")[row % 3] for row in range(rows)],
        }
    )


def longest_first(first: list[int], second: list[int], room: int) -> tuple[list[int], list[int]]:
    """One symbol at a time, as transformers documents its strategy."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        (first if len(first) > len(second) else second).pop()
    return first, second


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(0, 50),
)
def test_pairs_are_cut_at_the_longer_end(first: list[int], second: list[int], room: int) -> None:
    assert truncate_pair(first, second, room) == longest_first(first, second, room)


def encode_pairs(family: str, folder: Path, pairs: pd.DataFrame) -> tuple[Any, EncodedTask]:
    """Encode pairs for a family's small model by the identity mapping."""
    tokenizer = tokenizer_of(family)
    model = build_classifier(folder, "pretrained", 2, 0, None).eval()
    rows = encode_records(pairs, tokenizer, PRESETS["model"], None)
    mapping = np.arange(tokenizer.get_vocab_size())
    task = Task(rows, {"type": "classification", "labels": ["no", "yes"]})
    special_tokens = SpecialTokens.of(tokenizer, pairs=True)
    return model, encode_task(task, model, mapping, special_tokens, 1.0, 0)


@pytest.mark.parametrize("family", sorted(TEMPLATES))
def test_logits_are_those_of_transformers_own_path(family: str, checkpoint: Checkpoint) -> None:
    pairs = some_pairs()
    tokenizer = tokenizer_of(family)
    model, data = encode_pairs(family, checkpoint(family), pairs)
    whole = build_classifier(checkpoint(family), "pretrained", 2, 0, None).eval()
    padding = "[UNK]" if whole.config.pad_token_id == 1 else "[PAD]"
    theirs = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=padding, model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"]
        if family == "bert" else ["input_ids", "attention_mask"],
    )  # fmt: skip
    train = pairs[pairs["split"] == "train"]
    inputs = theirs(
        list(train["sequence"]), list(train["sequence2"]), padding=True, truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    with torch.no_grad():
        expected = whole(**inputs).logits
        resident = move_split(data.train, "cpu")
        for rows in batches_by_length(data.train.lengths, 5):
            shape = batch_shape(data.train.lengths, rows, buckets=False)
            logits = forward(model, gather_batch(resident, torch.from_numpy(rows), shape), "fp32")
            torch.testing.assert_close(logits, expected[rows], rtol=1e-4, atol=1e-5)


def test_token_types_are_given_only_to_models_that_know_them(checkpoint: Checkpoint) -> None:
    given_types = {
        family: encode_pairs(family, checkpoint(family), some_pairs())[1].train.types
        for family in TEMPLATES
    }
    assert given_types["distilbert"] is None
    assert given_types["roberta"] is None
    assert given_types["bert"] is not None
    assert {0, 1} == set(np.concatenate(given_types["bert"]))


def test_token_types_reach_the_model(checkpoint: Checkpoint) -> None:
    model, data = encode_pairs("bert", checkpoint("bert"), some_pairs())
    batch = gather_batch(
        move_split(data.dev, "cpu"),
        torch.arange(1),
        batch_shape(data.dev.lengths, np.arange(1), False),
    )
    assert batch.types is not None
    flipped = type(batch)(batch.ids, batch.mask, batch.targets, 1 - batch.types)
    with torch.no_grad():
        assert not torch.allclose(forward(model, batch, "fp32"), forward(model, flipped, "fp32"))


def test_tokens_of_pairs_are_cut_together_and_counted(tmp_path: Path) -> None:
    pairs = some_pairs()
    write_table(pairs, tmp_path / "records.parquet", None, {"type": "classification"})
    tokenizer_of("bert").save(str(tmp_path / "model.json"))
    line = tokenize_records(
        tmp_path / "records.parquet", PRESETS["model"], None, 20, tmp_path / "tokens.parquet",
        tmp_path / "tokenizer.json", tmp_path / "model.json",
    )  # fmt: skip
    tokens = read_table(tmp_path / "tokens.parquet")
    lengths = pairs["sequence"].str.split().str.len() + pairs["sequence2"].str.split().str.len()
    assert list(tokens["length"]) == list(lengths.clip(upper=20))
    assert list(tokens["length"]) == list(tokens["ids"].str.len() + tokens["ids2"].str.len())
    assert f"{(lengths > 20).sum()} rows truncated to 20" in line
