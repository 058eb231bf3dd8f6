"""`check` shows what a run will read, and warns where it cannot answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from polymath.experiment.config import load_experiment
from polymath.experiment.reading_limit import positions_in
from polymath.models.build import build_classifier, longest_input
from polymath.own_data.check import describe_check
from polymath.tokenization.special_tokens import room_for_symbols
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json
from support import ROOT

Checkpoint = Callable[[str], Path]
RECIPE = {"learning_rate": [1e-4, 3e-4], "batch_size": 8, "steps": 100}


def write_rows(path: Path, rows: int, length: int = 20, share: float = 0.5) -> None:
    generator = np.random.default_rng(0)
    lines = [
        f"{''.join(generator.choice(list('ACGT'), length))},{'yes' if n < share * rows else 'no'}"
        for n in range(rows)
    ]
    path.write_text("\n".join(["sequence,label", *lines]) + "\n")


def check(tmp_path: Path, checkpoint: Path | None = None, **changes: Any) -> list[str]:
    dataset: dict[str, Any] = {
        "domain": "dna",
        "source": {"kind": "path", "path": str(tmp_path / "own.csv")},
        "reader": {"format": "csv"},
        "alphabet": "dna",
        **changes.pop("dataset", {}),
    }
    config: dict[str, Any] = {
        "results": "results",
        "replicates": 5,
        "tasks": ["own"],
        "models": ["minilm-l6" if checkpoint is None else "mine"],
        "baselines": ["ngram"],
        "recipes": {"short": RECIPE},
        "datasets": {"own": dataset},
        **changes,
    }
    if checkpoint is not None:
        config["checkpoints"] = {"mine": {"source": {"kind": "path", "path": str(checkpoint)}}}
    return list(describe_check(load_experiment(config, ROOT / "resources")))


def warnings_of(lines: list[str]) -> list[str]:
    return [line.removeprefix("WARNING: ") for line in lines if line.startswith("WARNING")]


def test_enough_rows_replicates_and_rates_give_no_warning(tmp_path: Path) -> None:
    write_rows(tmp_path / "own.csv", 1000)
    lines = check(tmp_path, dataset={"split": {"dev": 0.1, "test": 0.2}})
    assert warnings_of(lines) == []
    assert "  splits: train 700, dev 100, test 200" in lines
    assert any("classes: 2 " in line and "yes 500 (50%; 350/50/100)" in line for line in lines)
    assert any("near-duplicates: 0 of 200 test" in line for line in lines)


@pytest.mark.parametrize(
    ("rows", "share", "changes", "words"),
    [
        (140, 0.5, {}, ["own: 14 test rows", "split: {dev: 0.15, test: 0.25}"]),
        (1000, 0.93, {"dataset": {"metric": "accuracy"}}, ["'yes' has 93%", "metric: macro_f1"]),
        (1000, 0.5, {"replicates": 3}, ["3 replicates", "replicates: 5"]),
        (1000, 0.5, {"recipes": {"short": {**RECIPE, "learning_rate": 1e-4}}},
         ["one learning rate", "learning_rate: ["]),
        (1000, 0.5, {"recipes": {"short": {**RECIPE, "steps": 50}}}, ["50%", "'steps'"]),
        (1000, 0.5, {"baselines": []}, ["baselines: [ngram]"]),
        (1000, 0.5, {"dataset": {"max_length": 15}}, ["20 symbols (median), 15 seen (75.0%)",
                                                      "windows"]),
    ],
)  # fmt: skip
def test_where_an_experiment_cannot_answer(
    rows: int, share: float, changes: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    write_rows(tmp_path / "own.csv", rows, share=share)
    warnings = "\n".join(warnings_of(check(tmp_path, **changes)))
    for word in words:
        assert word in warnings


def test_a_dominant_class_makes_macro_f1_the_headline_and_is_noted(tmp_path: Path) -> None:
    write_rows(tmp_path / "own.csv", 1000, share=0.93)
    lines = check(tmp_path)
    assert lines[0].endswith("macro_f1")
    assert any(line.strip().startswith("positive class: no (the rarer") for line in lines)
    assert any("NOTE" in line and "'yes' has 93%" in line and "macro F1" in line for line in lines)


def test_near_duplicates_between_the_splits_are_counted(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    bases = ["".join(generator.choice(list("ACGT"), 30)) for _ in range(60)]
    lines = [f"{base}{end},{'ab'[n % 2]}" for n, base in enumerate(bases) for end in "AC"]
    (tmp_path / "own.csv").write_text("\n".join(["sequence,label", *lines]) + "\n")
    assert any("similarity_groups" in line for line in warnings_of(check(tmp_path)))
    grouped = check(tmp_path, dataset={"similarity_groups": {"threshold": 0.8}})
    assert not any("similarity_groups" in line for line in warnings_of(grouped))
    assert any("near-duplicates: 0 of 12 test" in line for line in grouped)


def test_long_sequences_are_counted_under_the_models_positions(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    folder = checkpoint("bert")
    write_rows(tmp_path / "own.csv", 200, length=1200)
    lines = check(tmp_path, folder, dataset={"max_length": 1200})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    room = room_for_symbols(read_json(folder / "config.json"), tokenizer)
    assert any(f"mine: 200 of 200 rows (100.0%) are longer than {room}" in x for x in lines)
    assert any(f"1,200 symbols (median), {room} seen" in line for line in warnings_of(lines))


def test_rows_are_shown_with_the_models_own_token_ids(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    folder = checkpoint("bert")
    rows = [f"{'a b' if n % 2 else 'b a'} {n},{n % 2}" for n in range(60)]
    (tmp_path / "own.csv").write_text("\n".join(["sequence,label", *rows]) + "\n")
    lines = check(tmp_path, folder, dataset={"domain": "text", "alphabet": "model"})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    start = next(n for n, line in enumerate(lines) if "as token ids of mine" in line)
    assert "mapping identity" in lines[start]
    for symbols, ids in zip(lines[start + 1 : start + 11 : 2], lines[start + 2 : start + 12 : 2],
                            strict=True):  # fmt: skip
        shown = symbols.split(": ", 1)[1].split()
        assert [tokenizer.token_to_id(token) for token in shown] == [*map(int, ids.split())]


def test_the_error_of_a_row_is_that_of_the_run(tmp_path: Path) -> None:
    write_rows(tmp_path / "own.csv", 60)
    with (tmp_path / "own.csv").open("a") as file:
        file.write("ACGU,yes\n")
    with pytest.raises(PolymathError, match=r"datasets: own: .*own.csv: line 62: symbol 'U'"):
        check(tmp_path)


FAMILIES = ["bert", "roberta", pytest.param("esm", marks=pytest.mark.full),
            pytest.param("distilbert", marks=pytest.mark.full)]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_positions_are_those_of_the_built_model(family: str, checkpoint: Checkpoint) -> None:
    folder = checkpoint(family)
    model = build_classifier(folder, "scratch", 2, 0, 0.0)
    assert positions_in(read_json(folder / "config.json")) == longest_input(model)


def test_rows_longer_than_their_windows_reach_are_counted(tmp_path: Path) -> None:
    write_rows(tmp_path / "own.csv", 60, length=100)
    windows = {"size": 10, "stride": 10}
    few, all_of_them = (
        warnings_of(check(tmp_path, dataset={"windows": {**windows, "limit": limit}}))
        for limit in (4, 10)
    )
    said = "60 of 60 rows are longer than their windows reach: of 100 symbols, at most 40 are read"
    assert any(said in line for line in few)
    assert not any("windows reach" in line for line in all_of_them)


def test_symbols_that_no_training_row_has_are_warned_of(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(60, 8))
    for decimals, warned in ((4, True), (0, False)):
        rows = [f"{' '.join(f'{x:.{decimals}f}' for x in row)},{n % 2}"
                for n, row in enumerate(numbers)]  # fmt: skip
        (tmp_path / "own.csv").write_text("\n".join(["sequence,label", *rows]) + "\n")
        alphabet = {"kind": "separator", "separator": " "}
        lines = warnings_of(check(tmp_path, dataset={"alphabet": alphabet, "domain": "signals"}))
        assert any("occur in no training row" in line for line in lines) == warned
