"""Which model a finished condition started from."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from polymath.data.fetch.manifest import Manifest
from polymath.data.fetch.starting_model import starting_manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import write_table

CONDITION = Condition("odd", "small", "pretrained", "random", "1", "tiny")


def manifest_with(results: ResultPaths, model: str) -> Manifest:
    """The manifest of a model whose one file holds its name."""
    path = results.model_manifest(model)
    path.parent.mkdir(parents=True)
    weights = path.parent / "model.safetensors"
    weights.write_text(model)
    manifest = Manifest.of(path, {}, [weights])
    manifest.write()
    return manifest


def test_the_predictions_state_which_of_two_models_it_was(tmp_path: Path) -> None:
    results = ResultPaths.of(tmp_path)
    shared = manifest_with(results, "small")
    assert starting_manifest(results, CONDITION) == shared.path
    own = manifest_with(results, "small.odd")
    for manifest in (shared, own):
        empty = pd.DataFrame({"id": pd.Series(dtype=str)})
        stated = {"model_sha256": manifest.sha256}
        path = results.predictions(CONDITION)
        write_table(empty, path, pa.schema([("id", pa.string())]), stated)
        assert starting_manifest(results, CONDITION) == manifest.path
