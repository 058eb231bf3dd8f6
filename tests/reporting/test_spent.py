"""How long pre-training took, beside the fine-tuning after it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.reporting.spent import describe_pretraining, minutes_of_training
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
    itself, dyck = describe_pretraining(conditions, results)
    assert "odd, itself: 60 s" in itself
    assert "fine-tuning 30 s;" in itself
    assert "3.0 times the steps" in itself
    assert "odd, dyck: 15 s" in dyck
    assert "1.5 times the steps" in dyck
    assert minutes_of_training(conditions, results) == {"odd": 3.0}
