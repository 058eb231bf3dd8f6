"""A comparison from tables to tables: trained models and random ones."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from polymath.analysis.representations.run import Subject, Tables, compare_representations
from polymath.experiment.analyses import Representations
from polymath.util.errors import PolymathError
from polymath.util.storage import read_metadata
from support.families import Checkpoint
from support.jobs import CLASSES, outputs_in, run_job, write_job

SETTINGS = Representations(tokens=400, items=10, bootstraps=2, permutations=3)
KEY = ["pair", "state", "layer_a", "layer_b", "measure"]
# Five measures of three by three layers in the judged view, and of three in two more.
VALUES = 5 * (3 * 3 + 2 * 3)


def compared(subjects: list[Subject], folder: Path, settings: Representations = SETTINGS) -> Tables:
    tables = Tables(folder / "similarity.parquet", folder / "heads.parquet")
    folder.mkdir(exist_ok=True)
    compare_representations(subjects, settings, 1, tables, lambda _: None)
    return tables


def judged_values(table: pd.DataFrame) -> pd.Series:
    return table[table["centring"] == "position"].set_index(KEY)["value"]


def subjects_in(folder: Path, source: Path) -> list[Subject]:
    """A checkpoint, random weights, and the checkpoint again as the in-domain model."""
    text = write_job(folder / "text", source, CLASSES * 2, init="pretrained", length=15)
    scratch = replace(text, condition=replace(text.condition, init="scratch"))
    return [
        Subject(text, None),
        Subject(scratch, None),
        Subject(text, None),
    ]


def test_each_pair_has_each_layer_and_measure_and_the_same_model_is_the_same(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    subjects = subjects_in(tmp_path, checkpoint("bert"))
    tables = compared(subjects, tmp_path / "out")
    table = pd.read_parquet(tables.similarity)
    assert table["state"].unique().tolist() == ["initial"]
    assert len(table) == 4 * VALUES
    assert table.groupby("centring").size().idxmax() == "position"
    values = judged_values(table)
    for layer in range(3):
        for measure in ("cka", "pwcca", "svcca", "procrustes", "rsa"):
            assert values["text-domain", "initial", layer, layer, measure] == pytest.approx(1)
            floor = values["scratch-scratch", "initial", layer, layer, measure]
            assert floor < 0.98
    assert (table["tokens"] == 405).all()  # 27 whole sequences of 15
    heads = pd.read_parquet(tables.heads)
    assert len(heads) == 4 * 2 * 2
    assert heads[heads["pair"] == "text-domain"]["distance"].max() < 1e-6
    assert heads[heads["pair"] != "text-domain"]["distance"].min() > 1e-4
    assert not list((tmp_path / "out").glob(".*"))
    assert read_metadata(tables.heads)["settings"]["tokens"] == 400
    again = compared(subjects, tmp_path / "again")
    assert again.similarity.read_bytes() == tables.similarity.read_bytes()


def test_trained_models_are_those_that_were_kept(checkpoint: Checkpoint, tmp_path: Path) -> None:
    text, scratch, _ = subjects_in(tmp_path, checkpoint("bert"))
    kept = []
    for number, one in enumerate((text, scratch)):
        folder = tmp_path / f"run{number}"
        # A rate at which training moves the weights much.
        job = replace(one.job, recipe=one.job.recipe.at(0.05))
        run_job(job, folder, models=True)
        models = outputs_in(folder, models=True).models
        assert models is not None
        kept.append(replace(one, kept=models))
    table = pd.read_parquet(compared(kept, tmp_path / "out").similarity)
    rows = judged_values(table)
    assert len(table) == 2 * 2 * VALUES
    before, after = (
        rows["text-scratch", state, 2, 2, "cka"] for state in ("initial", "fine-tuned")
    )
    assert abs(before - after) > 0.01
    # One that diverged has left no model: its pairs are missing, the others are not.
    assert kept[1].kept is not None
    (kept[1].kept / "replicate-1").rename(kept[1].kept / "gone")
    table = pd.read_parquet(compared(kept, tmp_path / "less").similarity)
    tuned = table[table["state"] == "fine-tuned"]
    assert tuned["pair"].unique().tolist() == ["text-scratch"]


def test_a_task_of_few_tokens_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    subjects = subjects_in(tmp_path, checkpoint("bert"))
    with pytest.raises(PolymathError, match="105 tokens for 32 dimensions"):
        compared(subjects, tmp_path / "out", SETTINGS.model_copy(update={"tokens": 100}))
