"""Drafts of configurations, as `new` makes them of a user's own files."""

from pathlib import Path
from typing import Any

import numpy as np

from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_files import locate_paths, read_config
from polymath.own_data.draft import Draft, draft_task
from polymath.own_data.options import Asked
from support import ROOT

MOST_LINES = 25  # of a configuration that `new` writes


def draft_of(path: Path, **asked: Any) -> Draft:
    return draft_task(path, path.parent / "my.yaml", Asked(**asked))


def draft_csv(tmp_path: Path, lines: list[str], **asked: Any) -> Draft:
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines) + "\n")
    return draft_of(path, **asked)


def load(path: Path) -> Experiment:
    return load_experiment(locate_paths(read_config(path), [path]), ROOT / "resources")


def peptides(count: int) -> list[str]:
    """Random sequences of the 20 amino acids."""
    generator = np.random.default_rng(4)
    return ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 20)) for _ in range(count)]
