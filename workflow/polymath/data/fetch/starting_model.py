"""Which model a finished condition started from, by its results alone."""

from pathlib import Path

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.config import own_checkpoint
from polymath.experiment.paths import ResultPaths
from polymath.util.storage import read_metadata


def starting_manifest(results: ResultPaths, condition: Condition) -> Path:
    """Return the manifest of the model that a finished condition started from.

    A model that is pre-trained on each task's own sequences is another one on each task. A file of
    that name may be of an earlier configuration, so what the predictions state decides.
    """
    shared = results.model_manifest(condition.model)
    own = results.model_manifest(own_checkpoint(condition.model, condition.task))
    predictions = results.predictions(condition.trained)
    if not (own.is_file() and predictions.is_file()):
        return shared
    is_own = Manifest.read(own).sha256 == read_metadata(predictions)["model_sha256"]
    return own if is_own else shared
