"""Published scores beside those of a kept run."""

from pathlib import Path

import pandas as pd
import yaml

from polymath.experiment.config import load_experiment
from polymath.experiment.lineage import lineage_of
from polymath.experiment.published import published_scores
from polymath.reporting.published import compare_published, published_table, remarks_on
from polymath.reporting.tables import to_markdown


def describe_published(matrix: pd.DataFrame, config: Path, catalogues: Path) -> str:
    """Return a table of the scores published on a run's tasks, and what to know of each source.

    Args:
        matrix: of the run.
        config: the run's configuration.
        catalogues: the folder of the catalogues.
    """
    experiment = load_experiment(yaml.safe_load(config.read_text(encoding="utf-8")), catalogues)
    scores = published_scores(catalogues / "published.yaml", set(matrix["task"]))
    published = published_table(scores)
    table = compare_published(published, matrix, lineage_of(experiment))
    remarks = "\n".join(f"- {remark}" for remark in remarks_on(published))
    return f"{to_markdown(table)}\n{remarks}"
