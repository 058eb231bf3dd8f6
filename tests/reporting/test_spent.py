"""How long pre-training took, beside the fine-tuning after it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.reporting.spent import describe_pretraining, minutes_of_training, seconds_of_training
from polymath.util.storage import write_table

SCHEMA = pa.schema([("replicate", pa.int32()), ("seconds", pa.float64())])


def write_curve(path: Path, **columns: list[float]) -> None:
    write_table(pd.DataFrame(columns), path, SCHEMA, {})


def test_pretraining_is_told_beside_one_run(tmp_path: Path) -> None:
    results = ResultPaths.of(tmp_path)
    conditions = [
        Condition("odd", model, "pretrained", "random", "1", "tiny")
        for model in ("itself", "dyck", "text")
    ]
    for condition in conditions:
        path = results.curves(condition)
        write_curve(path, replicate=[0, 0, 1], seconds=[5.0, 20.0, 40.0])
    for checkpoint, seconds in (("itself.odd", 60.0), ("dyck", 15.0)):
        write_curve(results.pretraining_curve(checkpoint), replicate=[0], seconds=[seconds])
    own = Manifest.of(results.model_manifest("itself.odd"), {}, [])
    own.write()
    stated = {"model_sha256": own.sha256}
    write_table(
        pd.DataFrame(columns=SCHEMA.names), results.predictions(conditions[0]), SCHEMA, stated
    )
    spent = seconds_of_training(conditions, results)
    itself, dyck = describe_pretraining(spent, results)
    assert "odd, itself, recipe tiny: 60 s" in itself
    assert "fine-tuning 30 s;" in itself
    assert "3.0 times the steps" in itself
    assert "odd, dyck, recipe tiny: 15 s" in dyck
    assert "1.5 times the steps" in dyck
    assert minutes_of_training(spent) == {"odd": 3.0}


def test_runs_of_other_lengths_are_told_apart(tmp_path: Path) -> None:
    """Their mean would be of neither."""
    results = ResultPaths.of(tmp_path)
    arms = {("1", "short"): 10.0, ("1", "long"): 1000.0, ("0.1", "short"): 5.0}
    conditions = [
        Condition("odd", "dyck", "pretrained", "random", fraction, recipe)
        for fraction, recipe in arms
    ]
    for condition, seconds in zip(conditions, arms.values(), strict=True):
        write_curve(results.curves(condition), replicate=[0], seconds=[seconds])
    write_curve(results.pretraining_curve("dyck"), replicate=[0], seconds=[100.0])
    spent = seconds_of_training(conditions, results)
    times = [line.split("about ")[1] for line in describe_pretraining(spent, results)]
    assert times == [f"{times} times the steps." for times in ("11.0", "1.1", "21.0")]
