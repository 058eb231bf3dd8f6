"""Real files of the paper's tasks, counted to the row; they lie in the folder POLYMATH_DATA.

The folder's parts come from public repositories: dna/gue_* (GUE), dna/splice_uci_text (UCI),
protein/tape_* (TAPE as tables), protein/multiloc_fasta (MultiLoc), text/* (GLUE's and others'),
music/asap_midi (ASAP), music/maestro_meta (MAESTRO 2.0.0's table).
"""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from polymath.data.fetch.fetch import fetch
from polymath.data.records import prepare_records
from polymath.experiment.datasets import Dataset
from polymath.experiment.sources import PathSource
from support import ROOT
from support.music import write_midi

DATA = Path(os.environ.get("POLYMATH_DATA", "/nowhere"))
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not DATA.is_dir(), reason="POLYMATH_DATA names no folder of real files"),
]
CATALOGUE: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "resources/datasets.yaml").read_text(encoding="utf-8")
)


def table(sequence: str, label: str, names: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Return a reader of tables, one file a split."""
    return {"format": "csv", "sequence": sequence, "label": label, "split": "file",
            "split_names": names, **fields}  # fmt: skip


def tsv(sequence: str, label: str, names: dict[str, str], **fields: Any) -> dict[str, Any]:
    return table(sequence, label, names, **fields) | {"format": "tsv", "quoting": False}


def lines(pattern: str) -> dict[str, Any]:
    return {"format": "lines", "pattern": pattern, "split": "file", "split_names": {"dev": "test"}}


GUE = table("sequence", "label", {"dev": "train"})
DNA = {"alphabet": {"preset": "dna", "illegal": "N"}}
PROTEIN = {"alphabet": {"preset": "protein", "illegal": "X"}}
COMPOSERS = ["Bach", "Beethoven", "Chopin", "Haydn", "Liszt", "Schubert", "Schumann"]
# Folder; the catalogue's task that it stands for; what of the entry is other.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dna/gue_H3": ("h3", {"reader": GUE}),
    "dna/gue_H4": ("h4", {"reader": GUE}),
    "dna/gue_H3K9ac": ("h3k9ac", {"reader": GUE}),
    "dna/splice_uci_text": ("splice-uci", {}),
    "protein/tape_stability": ("stability", {"reader": table("seq", "label", {})}),
    "protein/tape_fluorescence": (
        "fluorescence", {"reader": {"format": "csv", "sequence": "seq"}},
    ),
    "protein/multiloc_fasta": (
        "localization",
        {"reader": {"format": "fasta", "label": "file"}, "labels": None},
    ),
    "text/RTE": ("rte", {"reader": tsv(
        "sentence1", "label", {"dev": "test"}, sequence2="sentence2"
    )}),
    "text/MRPC": ("mrpc", {"reader": tsv(
        "#1 String", "Quality",
        {"msr_paraphrase_train": "train", "msr_paraphrase_test": "test"}, sequence2="#2 String",
    )}),
    "text/SST2_senteval": ("sst2", {"reader": lines(r"(?P<label>[01])\t(?P<sequence>.+)")}),
    "text/CoLA_tok": ("cola", {"reader": lines(r"(?P<sequence>.+)\t(?P<label>[01])")}),
    "music/asap_midi": (
        "maestro-v3",
        {"reader": {"format": "midi", "metadata": "index.csv", "label": "composer"},
         "labels": COMPOSERS},
    ),
}  # fmt: skip
# Rows of each split (train with dev, where dev is drawn from it), classes, what was left out.
COUNTS: dict[str, dict[str, Any]] = {
    "dna/gue_H3": {"train+dev": 1497, "test": 1497, "classes": 2},
    "dna/gue_H4": {"train+dev": 1461, "test": 1461, "classes": 2},
    "dna/gue_H3K9ac": {"train+dev": 2779, "test": 2779, "classes": 2},
    "dna/splice_uci_text": {"rows": 3190, "classes": 3, "surplus": 185, "replaced": 15},
    "protein/tape_stability": {
        "train": 53_614 - 31, "dev": 2512, "test": 12_851,
        "rejected": {"same sequence or group as a test row": 31}, "surplus": 38,
    },
    "protein/tape_fluorescence": {"rows": 5362},
    "protein/multiloc_fasta": {"rows": 5959, "classes": 11, "replaced": 42},
    "text/RTE": {"train+dev": 2490, "test": 277, "classes": 2, "surplus": 2},
    "text/MRPC": {"train+dev": 4076, "test": 1725, "classes": 2},
    "text/SST2_senteval": {
        "train+dev": 6920 - 3, "test": 1821, "classes": 2, "surplus": 8,
        "rejected": {"same sequence or group as a test row": 3},
    },
    "text/CoLA_tok": {
        "train+dev": 8551 - 12, "test": 516, "classes": 2, "surplus": 30,
        "rejected": {"same sequence or group as a test row": 12},
    },
    "music/asap_midi": {"rows": 41, "classes": 7, "rejected": {"class not asked for": 12}},
}  # fmt: skip


def prepare(task: str, folder: Path, out: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Prepare a folder's files as a task; return the card."""
    source = {"kind": "path", "path": str(folder)}
    dataset = Dataset.model_validate({**CATALOGUE[task], "source": source, **changes})
    assert isinstance(dataset.source, PathSource)
    fetch(dataset.source, out / "manifest.json", 1, lambda _: None)
    prepare_records(
        task, dataset, out / "manifest.json", 1, out / "records.parquet", out / "card.json", 2
    )
    card: dict[str, Any] = json.loads((out / "card.json").read_text())
    return card


@pytest.fixture(scope="module", params=sorted(CASES))
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records and card of one folder's task; the name of the folder beside them."""
    task, changes = CASES[request.param]
    out = tmp_path_factory.mktemp(task)
    prepare(task, DATA / request.param, out, changes)
    (out / "folder").write_text(request.param)
    return out


def test_counts_are_exact(prepared: Path) -> None:
    expected = COUNTS[(prepared / "folder").read_text()]
    card = json.loads((prepared / "card.json").read_text())
    splits = card["splits"]
    counts = {**splits, "train+dev": splits["train"] + splits["dev"], "rows": card["rows"]}
    for part in {"train", "dev", "test", "train+dev", "rows"} & set(expected):
        assert counts[part] == expected[part], part
    assert len(card["labels"]) == expected.get("classes", 0)
    rejected = {entry["reason"]: entry["count"] for entry in card["rejected"]}
    assert rejected == expected.get("rejected", {})
    assert card["duplicates"]["surplus_rows_kept"] == expected.get("surplus", 0)
    assert card["rows_with_replaced_symbols"] == expected.get("replaced", 0)


def test_nothing_straddles_the_split_and_every_class_is_learnt(prepared: Path) -> None:
    records = pd.read_parquet(prepared / "records.parquet")
    both = [name for name in ("sequence", "sequence2") if name in records]
    assert records.groupby(both)["split"].nunique().max() == 1
    assert records.groupby("group")["split"].nunique().max() == 1
    assert records["id"].is_unique
    assert set(records["split"]) == {"train", "dev", "test"}
    if records["label"].dtype != float:
        assert set(records["label"]) == set(records.loc[records["split"] == "train", "label"])


def test_maestros_own_table(tmp_path: Path) -> None:
    """The real table of 1,282 performances, with a small score in the place of each."""
    metadata = pd.read_csv(DATA / "music/maestro_meta/maestro-v2.0.0.csv", dtype=str)
    assert len(metadata) == 1282
    folder = tmp_path / "maestro-v2.0.0"
    for number, name in enumerate(metadata["midi_filename"]):
        pitches = (20 + number % 90, 20 + number // 90)
        write_midi(folder / name, [(pitch, step, step + 1) for step, pitch in enumerate(pitches)])
    metadata.to_csv(folder / "maestro-v3.0.0.csv", index=False)
    card = prepare("maestro-v3", folder, tmp_path / "out", {})
    # What the catalogue's policies leave out, found in another way than the code under test does.
    metadata["piece"] = metadata["canonical_composer"] + ": " + metadata["canonical_title"]
    sides = metadata.groupby("piece")["split"].agg(set)
    straddling = {piece for piece, found in sides.items() if len(found) > 1}
    protected = {piece: max(sides[piece], key=["train", "validation", "test"].index)
                 for piece in straddling}  # fmt: skip
    moved = metadata["piece"].map(protected).fillna(metadata["split"]) != metadata["split"]
    kept = metadata[~moved]
    of_train = set(kept.loc[kept["split"] == "train", "canonical_composer"])
    unseen = ~kept["canonical_composer"].isin(of_train)
    assert (int(moved.sum()), int(unseen.sum())) == (6, 4)
    rejected = {entry["reason"]: entry["count"] for entry in card["rejected"]}
    assert rejected.pop("class without a training row") == 4
    assert sum(rejected.values()) == 6
    assert all(reason.startswith("same sequence or group as a") for reason in rejected)
    counts = kept[~unseen]["split"].value_counts().rename({"validation": "dev"})
    assert card["splits"] == counts.to_dict()
    assert card["labels"] == sorted(of_train)
    assert card["groups"] == kept[~unseen]["piece"].nunique()
