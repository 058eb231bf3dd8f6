"""A user's own data: every YAML example of the documents, on files of every format."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from support import ROOT
from support.families import WORDS
from support.music import write_midi
from support.workspace import Workspace

ROWS = 36


def documented_examples() -> dict[str, Any]:
    """The YAML blocks of the page on own data, as one dictionary."""
    page = (ROOT / "resources/docs/your-data.md").read_text()
    examples: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        examples |= yaml.safe_load(block)
    return examples


def sequences(letters: str, length: int = 12) -> list[str]:
    generator = np.random.default_rng(3)
    return ["".join(generator.choice(list(letters), length)) for _ in range(ROWS)]


def write_score(path: Path, seed: int) -> None:
    pitches = np.random.default_rng(seed).integers(40, 90, 70)
    write_midi(path, [(int(pitch), n / 4, n / 4 + 0.2) for n, pitch in enumerate(pitches)])


def write_files(folder: Path) -> None:
    """The files that the examples name."""
    proteins, classes = sequences("ACDEFGHIKLMNPQRSTVWY"), ["yes", "no"] * (ROWS // 2)
    pd.DataFrame({"seq": proteins, "active": classes}).to_csv(folder / "peptides.csv", index=False)
    places = ["nucleus; membrane", "membrane", "", "cytosol;nucleus"] * (ROWS // 4)
    pd.DataFrame({"seq": proteins, "location": places}).to_csv(folder / "places.csv", index=False)
    pd.DataFrame(
        {
            "primary": [*proteins[:-1], "ACDX"],
            "score": np.linspace(-1, 1, ROWS),
            "fold": [*(["A"] * (ROWS - 9)), *(["B"] * 9)],
            "family": [f"f{row // 2}" for row in range(ROWS)],
        }
    ).to_csv(folder / "stability.tsv", sep="\t", index=False)
    moves = [" ".join(row) for row in sequences("lrud")]
    names = pd.DataFrame({"moves": moves, "name": classes})
    names.to_parquet(folder / "gestures.parquet")
    fasta = [
        f">sp|P{row}|{'nucleus' if row % 2 else 'cytoplasm'}\n{sequence}\n"
        for row, sequence in enumerate(sequences("ACGT"))
    ]
    fasta[4] = fasta[4].replace("A", "R")
    (folder / "locations.fasta").write_text("".join(fasta))
    with (folder / "scores.csv").open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["midi_filename", "period"])
        for number in range(16):
            composer = ("anon", "bach")[number % 2]
            write_score(folder / "scores" / composer / f"piece{number}.mid", number)
            table.writerow([f"{composer}/piece{number}.mid", ("old", "new")[number // 2 % 2]])
    (folder / "scores.csv").rename(folder / "scores" / "pieces.csv")
    generator = np.random.default_rng(0)
    text = [" ".join(generator.choice(WORDS, 9)) for _ in range(ROWS)]
    topics = pd.DataFrame({"text": text, "topic": classes})
    topics.to_csv(folder / "topics.tsv", sep="\t", index=False)
    pairs = pd.DataFrame({"first": text, "second": text[::-1], "same": classes})
    pairs.to_csv(folder / "pairs.tsv", sep="\t", index=False)


EXAMPLES = ("peptides", "stability", "places", "gestures", "locations", "composers", "periods",
            "topics", "pairs")  # fmt: skip
METRICS = {"stability": "spearman", "places": "micro_f1"}
TEXTS = ("topics", "pairs")


@pytest.mark.parametrize(
    "trained",
    [("stability", "pairs", "places"), pytest.param(EXAMPLES, marks=pytest.mark.full)],
    ids=["three trained", "all trained"],
)
def test_every_documented_example_runs_from_raw_file_to_vocabulary_and_those_trained_to_scores(
    trained: tuple[str, ...], tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    write_files(tmp_path)
    (tmp_path / "my-checkpoint").symlink_to(checkpoint("roberta"))
    examples = documented_examples()
    models, checkpoints = examples.pop("models"), examples.pop("checkpoints")
    config: dict[str, Any] = {
        "replicates": 1,
        "tasks": list(examples),
        "models": models,
        "initialisations": ["scratch"],
        "mappings": ["random", "permute"],
        "recipes": {"tiny": {"learning_rate": 0.001, "batch_size": 8, "steps": 2,
                             "evaluations": 1, "precision": "fp32"}},
        "datasets": examples,
        "checkpoints": checkpoints,
    }  # fmt: skip
    workspace = Workspace(tmp_path, config)
    for arguments in (
        ["--until=map_vocabulary"],
        [f"results/scores/{task}.parquet" for task in trained],
    ):
        result = workspace.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
    for task in trained:
        scores = pd.read_parquet(tmp_path / f"results/scores/{task}.parquet")
        assert METRICS.get(task, "accuracy") in set(scores["metric"])
        assert set(scores["mapping"]) == {"permute" if task in TEXTS else "random"}
    assert set(EXAMPLES) == set(examples)
    records = pd.read_parquet(tmp_path / "results/records/stability.parquet")
    assert (records["split"] == "test").sum() == 8  # nine, less the one with an X
    assert records.groupby("group")["split"].nunique().max() == 1
    pieces = pd.read_parquet(
        tmp_path / "results/tokens/task=composers/tokenizer=own/tokens.parquet", partitioning=None
    )
    assert pieces.groupby("item").size().to_list() == [3] * 16
    assert pieces.groupby("item")["length"].max().eq(32).all()
    kmers = (tmp_path / "results/tokens/task=locations/tokenizer=own/tokenizer.json").read_text()
    assert '"ACG"' in kmers
